//! Which server is asked, and for which version.
//!
//! Owns the arguments that all client commands share.

use super::failure::ClientError;
use crate::pb;
use pb::admin_service_client::AdminServiceClient;
use pb::participation_service_client::ParticipationServiceClient;
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};

/// How long a connection may take to come about: a server nearby answers within milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// An hour: longer than any answer takes, and well within what gRPC's header can say.
const TIMEOUT_MS_MAX: u64 = 3_600_000;

pub(super) type Client = ParticipationServiceClient<Channel>;

/// Where and how to ask.
#[derive(Clone, Debug, clap::Args)]
pub struct ConnectArgs {
    /// The server's address.
    #[arg(
        long,
        env = "TEAMGRAPH_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:7420"
    )]
    pub server: String,
    /// How long one call may take, in milliseconds, from 1 to 3600000 (an hour).
    #[arg(
        long,
        env = "TEAMGRAPH_TIMEOUT_MS",
        value_name = "MS",
        default_value_t = 35_000,
        value_parser = clap::value_parser!(u64).range(1..=TIMEOUT_MS_MAX)
    )]
    pub timeout_ms: u64,
    /// Write JSON for programs in place of text: one document, or for lists one document a line.
    /// Errors are then a JSON document, too, on standard error.
    #[arg(long, env = "TEAMGRAPH_JSON")]
    pub json: bool,
}

impl ConnectArgs {
    /// A connection to the server.
    pub(super) async fn connect(&self) -> Result<Client, ClientError> {
        Ok(Client::new(self.channel().await?))
    }

    /// A connection to the server, for what an operator asks.
    pub(super) async fn connect_admin(&self) -> Result<AdminServiceClient<Channel>, ClientError> {
        Ok(AdminServiceClient::new(self.channel().await?))
    }

    async fn channel(&self) -> Result<Channel, ClientError> {
        let url = if self.server.contains("://") {
            self.server.clone()
        } else {
            format!("http://{}", self.server)
        };
        let endpoint = Endpoint::from_shared(url)
            .map_err(|error| ClientError::Address { server: self.server.clone(), error })?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true);
        let connecting = endpoint.connect();
        connecting
            .await
            .map_err(|error| ClientError::Connect { server: self.server.clone(), error })
    }

    /// The message as a call with a deadline.
    pub(super) fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.set_timeout(Duration::from_millis(self.timeout_ms));
        request
    }
}

/// Which version may answer.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct FreshnessArgs {
    /// Wait until every change committed before this token is known; never answer from an older
    /// version. A token is a position of the database such as 0/16B3748, what `SELECT
    /// teamgraph.teamgraph_token()` gives, or the `token` of an earlier answer.
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// How long to wait for the token, in milliseconds; at most 30000 [default: 5000].
    #[arg(long, env = "TEAMGRAPH_MAX_WAIT_MS", value_name = "MS")]
    pub max_wait_ms: Option<u32>,
}

impl FreshnessArgs {
    pub(super) fn to_wire(&self) -> Option<pb::Freshness> {
        let token = self.token.clone()?;
        let at = Some(pb::freshness::At::AtLeastAsFresh(token));
        Some(pb::Freshness { at, max_wait_ms: self.max_wait_ms })
    }
}
