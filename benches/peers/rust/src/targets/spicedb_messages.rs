//! The few messages of SpiceDB's API that are used here, with the field numbers of
//! `authzed.api.v1`.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct ObjectReference {
    #[prost(string, tag = "1")]
    pub object_type: String,
    #[prost(string, tag = "2")]
    pub object_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct SubjectReference {
    #[prost(message, optional, tag = "1")]
    pub object: Option<ObjectReference>,
    #[prost(string, tag = "2")]
    pub optional_relation: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Relationship {
    #[prost(message, optional, tag = "1")]
    pub resource: Option<ObjectReference>,
    #[prost(string, tag = "2")]
    pub relation: String,
    #[prost(message, optional, tag = "3")]
    pub subject: Option<SubjectReference>,
}

/// 2 is TOUCH, 3 is DELETE.
#[derive(Clone, PartialEq, Message)]
pub struct RelationshipUpdate {
    #[prost(int32, tag = "1")]
    pub operation: i32,
    #[prost(message, optional, tag = "2")]
    pub relationship: Option<Relationship>,
}

#[derive(Clone, PartialEq, Message)]
pub struct WriteRelationshipsRequest {
    #[prost(message, repeated, tag = "1")]
    pub updates: Vec<RelationshipUpdate>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ZedToken {
    #[prost(string, tag = "1")]
    pub token: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct WriteRelationshipsResponse {
    #[prost(message, optional, tag = "1")]
    pub written_at: Option<ZedToken>,
}

#[derive(Clone, PartialEq, Message)]
pub struct WriteSchemaRequest {
    #[prost(string, tag = "1")]
    pub schema: String,
}

/// At most one is set.
#[derive(Clone, PartialEq, Message)]
pub struct Consistency {
    #[prost(bool, optional, tag = "1")]
    pub minimize_latency: Option<bool>,
    #[prost(message, optional, tag = "2")]
    pub at_least_as_fresh: Option<ZedToken>,
    #[prost(bool, optional, tag = "4")]
    pub fully_consistent: Option<bool>,
}

#[derive(Clone, PartialEq, Message)]
pub struct CheckPermissionRequest {
    #[prost(message, optional, tag = "1")]
    pub consistency: Option<Consistency>,
    #[prost(message, optional, tag = "2")]
    pub resource: Option<ObjectReference>,
    #[prost(string, tag = "3")]
    pub permission: String,
    #[prost(message, optional, tag = "4")]
    pub subject: Option<SubjectReference>,
}

/// 1 is no, 2 is yes.
#[derive(Clone, PartialEq, Message)]
pub struct CheckPermissionResponse {
    #[prost(int32, tag = "2")]
    pub permissionship: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct LookupResourcesRequest {
    #[prost(message, optional, tag = "1")]
    pub consistency: Option<Consistency>,
    #[prost(string, tag = "2")]
    pub resource_object_type: String,
    #[prost(string, tag = "3")]
    pub permission: String,
    #[prost(message, optional, tag = "4")]
    pub subject: Option<SubjectReference>,
}

#[derive(Clone, PartialEq, Message)]
pub struct LookupResourcesResponse {
    #[prost(string, tag = "2")]
    pub resource_object_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct LookupSubjectsRequest {
    #[prost(message, optional, tag = "1")]
    pub consistency: Option<Consistency>,
    #[prost(message, optional, tag = "2")]
    pub resource: Option<ObjectReference>,
    #[prost(string, tag = "3")]
    pub permission: String,
    #[prost(string, tag = "4")]
    pub subject_object_type: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct ResolvedSubject {
    #[prost(string, tag = "1")]
    pub subject_object_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct LookupSubjectsResponse {
    #[prost(message, optional, tag = "6")]
    pub subject: Option<ResolvedSubject>,
}
