//! `AdminService`: runs that an operator starts, told as streams.
//!
//! Owns the runs' form on the wire, and that a caller who leaves ends his run. It must not know how
//! anything is compared or built: [`Admin`] does that.

use super::convert;
use super::errors::{Failure, Reason};
use super::limits;
use super::listed::field_bytes;
use super::token::client_timeout;
use super::turns::Turns;
use crate::command::{
    Admin, AdminError, AdminPhase, AdminProgress, AdminRefused, AdminRun, DriftReport, Finding,
    FindingExample, FindingKind, RebuildEvent, RebuildOrder, RebuildReport, VerifyEvent,
    VerifyOrder,
};
use crate::pb;
use async_stream::try_stream;
use pb::admin_service_server::AdminService;
use prost::Message;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

/// The generated trait's implementation; nobody to ask where the server does no such thing.
#[derive(Debug)]
pub(crate) struct Administration(pub(crate) Option<Arc<dyn Admin>>);

type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AdminService for Administration {
    type VerifyStream = Events<pb::VerifyResponse>;
    type RebuildStream = Events<pb::RebuildResponse>;

    async fn verify(
        &self,
        request: Request<pb::VerifyRequest>,
    ) -> Result<Response<Self::VerifyStream>, Status> {
        let timeout = client_timeout(request.metadata());
        let order = VerifyOrder { sample: sample(request.into_inner().sample)? };
        let run = self.admin()?.verify(order).map_err(refused)?;
        Ok(Response::new(events(run, timeout, verify_event)))
    }

    async fn rebuild(
        &self,
        request: Request<pb::RebuildRequest>,
    ) -> Result<Response<Self::RebuildStream>, Status> {
        let timeout = client_timeout(request.metadata());
        let order = RebuildOrder { sample: sample(request.into_inner().sample)? };
        let run = self.admin()?.rebuild(order).map_err(refused)?;
        Ok(Response::new(events(run, timeout, rebuild_event)))
    }
}

impl Administration {
    fn admin(&self) -> Result<&dyn Admin, Failure> {
        self.0.as_deref().ok_or_else(|| refused(AdminRefused::Unsupported))
    }
}

/// The run's events, until it ends or the caller's deadline passes.
fn events<E: Send + 'static, M: Send + 'static>(
    mut run: AdminRun<E>,
    timeout: Option<Duration>,
    into_wire: fn(E) -> M,
) -> Events<M> {
    let deadline = Turns::new(timeout).deadline();
    Box::pin(try_stream! {
        let mut end = pin!(Turns::end(deadline));
        loop {
            let event = tokio::select! {
                biased;
                failure = &mut end => Some(Err(failure)),
                event = poll_fn(|context| run.as_mut().poll_event(context)) => {
                    event.map(|event| event.map_err(failed))
                }
            };
            let Some(event) = event else { break };
            yield into_wire(event?);
        }
    })
}

fn sample(asked: Option<u64>) -> Result<Option<u64>, Failure> {
    match asked {
        Some(0) => Err(Failure::new(
            Reason::ValueUnknown,
            "the field sample is 0; leave it out to compare all participations",
        )
        .with("field", "sample")
        .with("value", 0)),
        Some(_) | None => Ok(asked),
    }
}

fn refused(refused: AdminRefused) -> Failure {
    let reason = match refused {
        AdminRefused::AlreadyRunning => Reason::AlreadyRunning,
        AdminRefused::NotReady => Reason::NotReady,
        AdminRefused::Unsupported => Reason::MethodUnknown,
    };
    Failure::new(reason, refused.to_string())
}

fn failed(error: AdminError) -> Failure {
    let reason = match error {
        AdminError::Inconclusive(_) => Reason::Inconclusive,
        AdminError::NotRebuilt(_) => Reason::NotRebuilt,
        AdminError::Source(_) => Reason::SourceUnusable,
        AdminError::Stopping => Reason::ShuttingDown,
        AdminError::Defect(_) => Reason::Internal,
    };
    Failure::new(reason, error.to_string())
}

fn verify_event(event: VerifyEvent) -> pb::VerifyResponse {
    use pb::verify_response::Event;
    let event = match event {
        VerifyEvent::Progress(at) => Event::Progress(progress(at)),
        VerifyEvent::Report(report) => Event::Report(drift(&report)),
    };
    pb::VerifyResponse { event: Some(event) }
}

fn rebuild_event(event: RebuildEvent) -> pb::RebuildResponse {
    use pb::rebuild_response::Event;
    let event = match event {
        RebuildEvent::Progress(at) => Event::Progress(progress(at)),
        RebuildEvent::Report(report) => Event::Report(rebuilt(&report)),
    };
    pb::RebuildResponse { event: Some(event) }
}

fn progress(AdminProgress { phase, done, total }: AdminProgress) -> pb::AdminProgress {
    let phase = match phase {
        AdminPhase::Opening => pb::AdminPhase::Opening,
        AdminPhase::Reading => pb::AdminPhase::Reading,
        AdminPhase::Waiting => pb::AdminPhase::Waiting,
        AdminPhase::Comparing => pb::AdminPhase::Comparing,
        AdminPhase::Building => pb::AdminPhase::Building,
        AdminPhase::CatchingUp => pb::AdminPhase::CatchingUp,
    };
    pb::AdminProgress { phase: phase.into(), done, total }
}

fn rebuilt(report: &RebuildReport) -> pb::RebuildReport {
    let RebuildReport { version, copy, rows, took_ms, drift: told } = report;
    pb::RebuildReport {
        version: Some(convert::version_to_wire(*version)),
        copy: *copy,
        rows: *rows,
        took_ms: *took_ms,
        drift: told.as_ref().ok().map(drift),
        drift_unknown: told.as_ref().err().cloned().unwrap_or_default(),
    }
}

fn drift(report: &DriftReport) -> pb::DriftReport {
    let mut room = limits::EXAMPLES_BYTES.count();
    let mut of = |are_differences: bool| {
        let findings = report.findings.iter();
        let findings = findings.filter(|it| it.kind.is_difference() == are_differences);
        findings.map(|it| finding(it, &mut room)).collect::<Vec<_>>()
    };
    let (differences, peculiarities) = (of(true), of(false));
    pb::DriftReport {
        version: Some(convert::version_to_wire(report.version)),
        read_at: report.read_at.to_string(),
        rows: report.rows,
        members: report.members,
        memberships: report.memberships,
        members_compared: report.members_compared,
        participations: report.participations,
        whole: report.whole,
        differences,
        peculiarities,
    }
}

/// The finding, with as many of its examples as there is room for.
fn finding(finding: &Finding, room: &mut usize) -> pb::Finding {
    let mut examples = Vec::new();
    for example in finding.examples.iter().map(wire_example) {
        let Some(left) = room.checked_sub(field_bytes(example.encoded_len())) else { break };
        *room = left;
        examples.push(example);
    }
    pb::Finding { kind: kind(finding.kind).into(), count: finding.count, examples }
}

fn wire_example(FindingExample { members, source, graph }: &FindingExample) -> pb::FindingExample {
    pb::FindingExample {
        members: members.iter().map(convert::named).collect(),
        source: source.clone(),
        graph: graph.clone(),
    }
}

const fn kind(kind: FindingKind) -> pb::FindingKind {
    match kind {
        FindingKind::MemberMissing => pb::FindingKind::MemberMissing,
        FindingKind::MemberSpurious => pb::FindingKind::MemberSpurious,
        FindingKind::KindDiffers => pb::FindingKind::KindDiffers,
        FindingKind::NameDiffers => pb::FindingKind::NameDiffers,
        FindingKind::OwnerDiffers => pb::FindingKind::OwnerDiffers,
        FindingKind::MembershipMissing => pb::FindingKind::MembershipMissing,
        FindingKind::MembershipSpurious => pb::FindingKind::MembershipSpurious,
        FindingKind::RoleDiffers => pb::FindingKind::RoleDiffers,
        FindingKind::ParticipationMissing => pb::FindingKind::ParticipationMissing,
        FindingKind::ParticipationSpurious => pb::FindingKind::ParticipationSpurious,
        FindingKind::Cycle => pb::FindingKind::Cycle,
        FindingKind::DanglingEnd => pb::FindingKind::DanglingEnd,
        FindingKind::SelfMembership => pb::FindingKind::SelfMembership,
        FindingKind::StatusUnknown => pb::FindingKind::StatusUnknown,
    }
}
