//! Readiness, as `grpc.health.v1` tells it.
//!
//! Owns when the server says SERVING: once a copy is whole and the feed has reached streaming; it
//! then stays so while the source is away, because every replica would be behind at once and an
//! empty load balancer is an outage (answers say for how long they may be stale); unless the operator
//! has set how long that may be, for then it refuses what it is asked. It must not know how either
//! is reached.

use super::contact::{Contact, LOOK_EVERY};
use super::limits;
use crate::graph::PublishedCell;
use crate::pb::{admin_service_server, participation_service_server};
use crate::status::FeedState;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// The overall server, and each service.
const SERVICES: [&str; 3] =
    ["", participation_service_server::SERVICE_NAME, admin_service_server::SERVICE_NAME];

/// Says NOT_SERVING for a start.
pub(crate) async fn begin(reporter: &HealthReporter) {
    say(reporter, ServingStatus::NotServing).await;
}

/// Looks at the feed until `shutdown`, and says SERVING when the time has come. Ends when requests
/// under way have had their time after that.
pub(crate) async fn run(
    mut reporter: HealthReporter,
    published: &PublishedCell,
    contact: &Contact,
    shutdown: CancellationToken,
) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut streamed, mut serving) = (false, false);
    while shutdown.run_until_cancelled(looks.tick()).await.is_some() {
        streamed |= contact.look().state == FeedState::Streaming;
        let ready = streamed && published.load().is_some() && contact.too_stale().is_none();
        if ready == serving {
            continue;
        }
        serving = ready;
        if ready {
            say(&reporter, ServingStatus::Serving).await;
            tracing::info!("ready: a copy is whole and the feed is streaming");
        } else {
            say(&reporter, ServingStatus::NotServing).await;
            tracing::error!("not ready: the source has been out of reach for too long");
        }
    }
    say(&reporter, ServingStatus::NotServing).await;
    // Ends the streams of those who watch: else each would hold its connection to the last.
    for service in SERVICES {
        reporter.clear_service_status(service).await;
    }
    sleep(limits::DRAIN_MS.milliseconds()).await;
}

async fn say(reporter: &HealthReporter, status: ServingStatus) {
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}
