//! What an operator asks for: runs told as streams, and their ends.

use super::*;
use crate::command::{
    AdminError, AdminPhase, AdminProgress, AdminRefused, AdminRun, DriftReport, Finding,
    FindingExample, FindingKind, LastVerify, NamedMember, RebuildEvent, RebuildOrder,
    RebuildReport, VerifyEvent, VerifyOrder,
};
use crate::id::Version;
use pb::admin_service_client::AdminServiceClient;
use pb::{rebuild_response, verify_response};
use std::mem::take;
use tokio::sync::mpsc;

/// What a run tells.
type Told<E> = Vec<Result<E, AdminError>>;

/// A run, and what keeps it from ending.
type Begun<E> = (AdminRun<E>, mpsc::Sender<Result<E, AdminError>>);

/// Does what a test tells it to.
#[derive(Debug, Default)]
pub(crate) struct FakeAdmin {
    pub(crate) refused: Mutex<Option<AdminRefused>>,
    pub(crate) verify: Mutex<Told<VerifyEvent>>,
    pub(crate) rebuild: Mutex<Told<RebuildEvent>>,
    /// Keeps runs from ending.
    pub(crate) held: Mutex<Vec<mpsc::Sender<Result<VerifyEvent, AdminError>>>>,
    pub(crate) holds: bool,
    pub(crate) asked: Mutex<Vec<Option<u64>>>,
    pub(crate) last: Mutex<Option<LastVerify>>,
}

impl FakeAdmin {
    fn begin<E: Send + 'static>(&self, told: &Mutex<Told<E>>) -> Result<Begun<E>, AdminRefused> {
        let refused = *self.refused.lock().unwrap();
        refused.map_or(Ok(()), Err)?;
        let (sender, events) = mpsc::channel(16);
        let told = take(&mut *told.lock().unwrap());
        for event in told {
            sender.try_send(event).unwrap_or_else(|_| panic!("too many events"));
        }
        Ok((Box::pin(events), sender))
    }
}

impl Admin for FakeAdmin {
    fn verify(&self, order: VerifyOrder) -> Result<AdminRun<VerifyEvent>, AdminRefused> {
        self.asked.lock().unwrap().push(order.sample);
        let (run, sender) = self.begin(&self.verify)?;
        if self.holds {
            self.held.lock().unwrap().push(sender);
        }
        Ok(run)
    }

    fn rebuild(&self, order: RebuildOrder) -> Result<AdminRun<RebuildEvent>, AdminRefused> {
        self.asked.lock().unwrap().push(order.sample);
        self.begin(&self.rebuild).map(|(run, _)| run)
    }

    fn last_verify(&self) -> Option<LastVerify> {
        self.last.lock().unwrap().clone()
    }
}

async fn served(admin: &Arc<FakeAdmin>) -> (World, AdminServiceClient<Channel>) {
    let desk: Arc<dyn Admin> = Arc::<FakeAdmin>::clone(admin);
    let world = World::start_with(HistoryLimits::default(), None, Some(desk)).await;
    let client = AdminServiceClient::new(world.channel().await);
    (world, client)
}

/// A report with a difference and a peculiarity.
pub(crate) fn report() -> DriftReport {
    let member = |key, name: &str, kind| NamedMember {
        key: SourceKey::int(key),
        name: Some(name.into()),
        kind: Some(kind),
    };
    let edge = vec![
        member(1, "alice", MemberKind::Person),
        NamedMember { key: SourceKey::int(98), name: None, kind: None },
    ];
    let cycle = vec![member(10, "dev", MemberKind::Team), member(11, "eng", MemberKind::Team)];
    let example = |members: &[NamedMember], source: &str, graph: &str| FindingExample {
        members: members.to_vec(),
        source: source.into(),
        graph: graph.into(),
    };
    DriftReport {
        version: Version { history: HISTORY, end_lsn: Lsn(100), tick: 0 },
        read_at: Lsn(110),
        rows: 1_234,
        members: 6,
        memberships: 4,
        members_compared: 6,
        participations: 9,
        whole: true,
        findings: vec![
            Finding {
                kind: FindingKind::MembershipMissing,
                count: 11,
                examples: vec![example(&edge, "admin", "absent")],
            },
            Finding {
                kind: FindingKind::Cycle,
                count: 1,
                examples: vec![example(&cycle, "2 teams", "")],
            },
        ],
    }
}

pub(crate) const READING: AdminProgress =
    AdminProgress { phase: AdminPhase::Reading, done: 5, total: 10 };

#[tokio::test]
async fn a_verify_is_told_as_progress_and_a_report() {
    let admin = Arc::new(FakeAdmin {
        verify: Mutex::new(vec![
            Ok(VerifyEvent::Progress(READING)),
            Ok(VerifyEvent::Report(Box::new(report()))),
        ]),
        ..FakeAdmin::default()
    });
    let (_world, mut client) = served(&admin).await;
    let request = pb::VerifyRequest { sample: Some(7) };
    let mut events = client.verify(request).await.unwrap().into_inner();
    let mut next = async || events.message().await.unwrap().unwrap().event.unwrap();
    let progress = pb::AdminProgress { phase: pb::AdminPhase::Reading.into(), done: 5, total: 10 };
    assert_eq!(next().await, verify_response::Event::Progress(progress));
    let verify_response::Event::Report(told) = next().await else { panic!("no report") };
    assert_eq!(events.message().await.unwrap(), None);
    assert_eq!(*admin.asked.lock().unwrap(), [Some(7)]);
    assert_eq!((told.read_at.as_str(), told.rows, told.whole), ("0/6E", 1_234, true));
    assert_eq!(told.version.unwrap().end_lsn, 100);
    let [difference] = &told.differences[..] else { panic!("{told:?}") };
    let [peculiarity] = &told.peculiarities[..] else { panic!("{told:?}") };
    assert_eq!(difference.kind(), pb::FindingKind::MembershipMissing);
    assert_eq!((difference.count, difference.examples.len()), (11, 1));
    let example = &difference.examples[0];
    assert_eq!((example.source.as_str(), example.graph.as_str()), ("admin", "absent"));
    let kinds: Vec<_> = example.members.iter().map(pb::Member::kind).collect();
    assert_eq!(kinds, [pb::MemberKind::Person, pb::MemberKind::Unspecified]);
    assert_eq!(peculiarity.kind(), pb::FindingKind::Cycle);
    assert_eq!(peculiarity.examples[0].members[1].name(), "eng");
}

#[tokio::test]
async fn a_rebuild_is_told_with_what_differed_or_why_that_is_not_known() {
    let rebuilt = |drift| RebuildReport {
        version: Version { history: HISTORY, end_lsn: Lsn(100), tick: 0 },
        copy: 2,
        rows: 5,
        took_ms: 6,
        drift,
    };
    for drift in [Ok(report()), Err("it was not kept".to_owned())] {
        let told = Ok(RebuildEvent::Report(Box::new(rebuilt(drift.clone()))));
        let admin = Arc::new(FakeAdmin { rebuild: Mutex::new(vec![told]), ..FakeAdmin::default() });
        let (_world, mut client) = served(&admin).await;
        let mut events = client.rebuild(pb::RebuildRequest::default()).await.unwrap().into_inner();
        let event = events.message().await.unwrap().unwrap().event.unwrap();
        let rebuild_response::Event::Report(told) = event else { panic!("{event:?}") };
        assert_eq!((told.copy, told.rows, told.took_ms), (2, 5, 6));
        assert_eq!(told.drift.is_some(), drift.is_ok());
        assert_eq!(told.drift_unknown, drift.err().unwrap_or_default());
        assert_eq!(*admin.asked.lock().unwrap(), [None]);
    }
}

#[tokio::test]
async fn what_is_refused_fails_the_call_with_its_reason() {
    for (refused, expected) in [
        (AdminRefused::AlreadyRunning, "ALREADY_RUNNING"),
        (AdminRefused::NotReady, "NOT_READY"),
        (AdminRefused::Unsupported, "METHOD_UNKNOWN"),
    ] {
        let refused = Mutex::new(Some(refused));
        let (_world, mut client) =
            served(&Arc::new(FakeAdmin { refused, ..FakeAdmin::default() })).await;
        let status = client.verify(pb::VerifyRequest::default()).await.unwrap_err();
        assert_eq!(reason(&status), expected);
        let status = client.rebuild(pb::RebuildRequest::default()).await.unwrap_err();
        assert_eq!(reason(&status), expected);
    }
    let (_world, mut client) = served(&Arc::default()).await;
    let status = client.verify(pb::VerifyRequest { sample: Some(0) }).await.unwrap_err();
    assert_eq!(
        (reason(&status).as_str(), value(&status, "field").as_str()),
        ("VALUE_UNKNOWN", "sample")
    );
    // A server without anybody to do it.
    let world = World::start(HistoryLimits::default()).await;
    let mut client = AdminServiceClient::new(world.channel().await);
    let status = client.verify(pb::VerifyRequest::default()).await.unwrap_err();
    assert_eq!(reason(&status), "METHOD_UNKNOWN");
}

#[tokio::test]
async fn a_run_that_ends_without_a_report_says_why() {
    for (error, expected) in [
        (AdminError::Inconclusive("gone".into()), "INCONCLUSIVE"),
        (AdminError::NotRebuilt("gone".into()), "NOT_REBUILT"),
        (AdminError::Source("no slot is free".into()), "SOURCE_UNUSABLE"),
        (AdminError::Stopping, "SHUTTING_DOWN"),
        (AdminError::Defect("thread".into()), "INTERNAL"),
    ] {
        let said = error.to_string();
        let verify = Mutex::new(vec![Ok(VerifyEvent::Progress(READING)), Err(error)]);
        let (_world, mut client) =
            served(&Arc::new(FakeAdmin { verify, ..FakeAdmin::default() })).await;
        let mut events = client.verify(pb::VerifyRequest::default()).await.unwrap().into_inner();
        assert!(events.message().await.unwrap().is_some());
        let status = events.message().await.unwrap_err();
        assert_eq!((reason(&status).as_str(), status.message()), (expected, said.as_str()));
    }
}

#[tokio::test]
async fn a_caller_who_leaves_ends_the_run_and_so_does_its_deadline() {
    let admin = Arc::new(FakeAdmin { holds: true, ..FakeAdmin::default() });
    let (_world, mut client) = served(&admin).await;
    let events = client.verify(pb::VerifyRequest::default()).await.unwrap().into_inner();
    let run = admin.held.lock().unwrap().pop().unwrap();
    assert!(!run.is_closed());
    drop(events);
    run.closed().await;
    let mut request = tonic::Request::new(pb::VerifyRequest::default());
    request.set_timeout(Duration::from_millis(200));
    let mut events = client.verify(request).await.unwrap().into_inner();
    let run = admin.held.lock().unwrap().pop().unwrap();
    let status = events.message().await.unwrap_err();
    assert_eq!(reason(&status), "DEADLINE_PASSED");
    run.closed().await;
}

#[tokio::test]
async fn examples_that_do_not_fit_are_left_out_and_counted() {
    let mut long = report();
    let name: Arc<str> = "x".repeat(300_000).into();
    let example = FindingExample {
        members: vec![NamedMember { key: SourceKey::int(1), name: Some(name), kind: None }],
        ..FindingExample::default()
    };
    long.findings[0].examples = vec![example; 10];
    let verify = Mutex::new(vec![Ok(VerifyEvent::Report(Box::new(long)))]);
    let (_world, mut client) =
        served(&Arc::new(FakeAdmin { verify, ..FakeAdmin::default() })).await;
    let mut events = client.verify(pb::VerifyRequest::default()).await.unwrap().into_inner();
    let event = events.message().await.unwrap().unwrap().event.unwrap();
    let verify_response::Event::Report(told) = event else { panic!("{event:?}") };
    let [difference] = &told.differences[..] else { panic!("{told:?}") };
    assert_eq!((difference.count, difference.examples.len()), (11, 3));
    assert_eq!(told.peculiarities[0].examples.len(), 1, "there is room for the small ones");
}

#[tokio::test]
async fn status_tells_of_the_last_verify() {
    let admin = Arc::new(FakeAdmin::default());
    let (world, _client) = served(&admin).await;
    let mut client = world.client().await;
    let mut ask = async || {
        let status = client.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
        status.last_verify
    };
    assert_eq!(ask().await, None);
    let ended_at = SystemTime::now() - Duration::from_secs(60);
    let of = |outcome| Some(LastVerify { ended_at, outcome });
    *admin.last.lock().unwrap() = of(Ok(Arc::new(report())));
    let last = ask().await.unwrap();
    assert_eq!((last.differences, last.members_compared, last.whole), (11, 6, true));
    assert!(last.age_ms >= 60_000 && last.version.is_some() && last.error.is_empty(), "{last:?}");
    *admin.last.lock().unwrap() = of(Err(AdminError::Inconclusive("gone".into())));
    let last = ask().await.unwrap();
    assert_eq!((last.differences, last.version, last.whole), (0, None, false));
    assert!(last.error.contains("gone"), "{last:?}");
}
