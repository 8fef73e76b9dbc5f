//! Gives a reason to requests that are refused before the service sees them.
//!
//! Owns a wrapper around the generated server: what the transport library refuses by itself (a
//! message it cannot decode, one that is too large, a method that does not exist) has no
//! `ErrorInfo`, and every error of ours must have one. It must not know any message.

use super::errors::{Failure, Reason};
use futures_util::TryFutureExt;
use futures_util::future::MapOk;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;
use tonic::{Code, Status};

type Response = http::Response<Body>;

/// A server whose refusals carry reasons.
#[derive(Clone, Debug)]
pub(crate) struct Explained<S>(pub(crate) S);

impl<S: NamedService> NamedService for Explained<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, Request> Service<Request> for Explained<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = MapOk<S::Future, fn(Response) -> Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.0.call(request).map_ok(explained)
    }
}

/// The response, or one with a reason if it is a refusal without.
fn explained(response: Response) -> Response {
    // An error before any message stands in the headers; one of ours has details.
    let headers = response.headers();
    if !headers.contains_key("grpc-status") || headers.contains_key("grpc-status-details-bin") {
        return response;
    }
    let Some(status) = Status::from_header_map(headers) else { return response };
    let reason = match status.code() {
        Code::Unimplemented if status.message().is_empty() => Reason::MethodUnknown,
        // An unknown compression is UNIMPLEMENTED, too, but says so.
        Code::Unimplemented | Code::InvalidArgument | Code::OutOfRange | Code::Internal => {
            Reason::RequestUnreadable
        }
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unauthenticated => return response,
    };
    let message = match status.message() {
        "" => "the service has no such method".to_owned(),
        said => format!("the request was refused: {said}"),
    };
    Status::from(Failure::new(reason, message)).into_http()
}
