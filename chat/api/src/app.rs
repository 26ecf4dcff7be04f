//! What all routes share: the clusters behind, settings, caches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chat_proto::service::data::{GuildRecord, Reply, Request, User};
use chat_proto::{ChannelId, GuildId, UserId};
use sha2::{Digest, Sha256};

use crate::backend::Backend;
use crate::cache::Cache;
use crate::error::ApiError;
use crate::rate::{RateLimits, Standing};

/// How long a token stays known, and how long it stays unknown.
const TOKEN_TIME: Duration = Duration::from_secs(60);
const NO_TOKEN_TIME: Duration = Duration::from_secs(2);
/// A channel never moves to another guild.
const CHANNEL_TIME: Duration = Duration::from_secs(3600);
/// How long somebody who left may still read.
const MEMBERSHIP_TIME: Duration = Duration::from_secs(5);

/// Entries of each cache (twice as many at most).
const TOKENS: usize = 50_000;
const CHANNELS: usize = 100_000;
const MEMBERSHIPS: usize = 20_000;

/// Changes the number of requests a second that each bucket admits.
const RATE_ENV: &str = "GUILDWATCH_API_RATE";

/// What can be configured.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// What `GET /gateway` answers.
    pub(crate) gateway_url: String,
    /// Requests that one account may make to one route about one channel or guild in [`Settings::rate_window`].
    pub(crate) rate_limit: u32,
    /// See [`Settings::rate_limit`].
    pub(crate) rate_window: Duration,
}

/// Cheap to clone; clones are the same one.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

struct Inner {
    backend: Arc<dyn Backend>,
    settings: Settings,
    rates: RateLimits,
    tokens: Cache<[u8; 32], Option<Arc<User>>>,
    channels: Cache<ChannelId, GuildId>,
    memberships: Cache<UserId, Arc<[GuildId]>>,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            gateway_url: "ws://127.0.0.1:8080".to_owned(),
            rate_limit: 1000,
            rate_window: Duration::from_secs(1),
        }
    }
}

impl Settings {
    /// The defaults, changed by the environment.
    pub(crate) fn from_env() -> anyhow::Result<Self> {
        let mut settings = Self::default();
        if let Ok(text) = std::env::var(RATE_ENV) {
            settings.rate_limit = text.parse().with_context(|| {
                format!("{RATE_ENV} is '{text}', but should be requests a second, such as 50")
            })?;
        }
        Ok(settings)
    }
}

// === impl App ===

impl App {
    pub(crate) fn new(backend: Arc<dyn Backend>, settings: Settings) -> Self {
        Self(Arc::new(Inner {
            rates: RateLimits::new(settings.rate_limit, settings.rate_window),
            backend,
            settings,
            tokens: Cache::new(TOKENS),
            channels: Cache::new(CHANNELS),
            memberships: Cache::new(MEMBERSHIPS),
        }))
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.0.backend
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn count(&self, user: UserId, route: &str, top: &str) -> Standing {
        self.0.rates.count(user.0, route, top, Instant::now())
    }

    async fn data(&self, key: impl ToString, request: Request) -> Result<Reply, ApiError> {
        Ok(self.backend().data(key.to_string(), request).await?)
    }

    /// Whose token it is; `None`: nobody's.
    pub(crate) async fn authenticate(&self, token: &str) -> Result<Option<Arc<User>>, ApiError> {
        let token_sha256: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(known) = self.0.tokens.get(&token_sha256) {
            return Ok(known);
        }
        let key: String = token_sha256[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let asked = self
            .0
            .backend
            .data(key, Request::Authenticate { token_sha256 })
            .await;
        let user = match asked {
            Ok(Reply::User(user)) => Some(Arc::new(user)),
            Ok(other) => return Err(ApiError::unexpected(&other)),
            Err(error) => match ApiError::from_call(error) {
                error if error.is_refusal() => None,
                error => return Err(error),
            },
        };
        let time = if user.is_some() { TOKEN_TIME } else { NO_TOKEN_TIME };
        self.0.tokens.put(token_sha256, user.clone(), time);
        Ok(user)
    }

    /// The guild of a channel.
    pub(crate) async fn guild_of(&self, channel: ChannelId) -> Result<GuildId, ApiError> {
        if let Some(guild) = self.0.channels.get(&channel) {
            return Ok(guild);
        }
        match self.data(channel, Request::ReadChannel { channel }).await? {
            Reply::Channel { guild } => {
                self.0.channels.put(channel, guild, CHANNEL_TIME);
                Ok(guild)
            }
            other => Err(ApiError::unexpected(&other)),
        }
    }

    /// The guilds of a user, as they are now.
    pub(crate) async fn guilds_of(&self, user: UserId) -> Result<Arc<[GuildId]>, ApiError> {
        match self.data(user, Request::ReadUserGuilds { user }).await? {
            Reply::Guilds(guilds) => {
                let guilds: Arc<[GuildId]> = guilds.into();
                self.0.memberships.put(user, guilds.clone(), MEMBERSHIP_TIME);
                Ok(guilds)
            }
            other => Err(ApiError::unexpected(&other)),
        }
    }

    /// Whether a user may read in a guild. What is cached can only be too generous: a no is checked again.
    pub(crate) async fn may_read(&self, user: UserId, guild: GuildId) -> Result<bool, ApiError> {
        let known = self.0.memberships.get(&user);
        if known.is_some_and(|guilds| guilds.contains(&guild)) {
            return Ok(true);
        }
        Ok(self.guilds_of(user).await?.contains(&guild))
    }

    /// A guild as stored.
    pub(crate) async fn read_guild(&self, guild: GuildId) -> Result<GuildRecord, ApiError> {
        match self.data(guild, Request::ReadGuild { guild }).await? {
            Reply::Guild(record) => Ok(record),
            other => Err(ApiError::unexpected(&other)),
        }
    }

    /// An account.
    pub(crate) async fn read_user(&self, user: UserId) -> Result<User, ApiError> {
        match self.data(user, Request::ReadUser { user }).await? {
            Reply::User(user) => Ok(user),
            other => Err(ApiError::unexpected(&other)),
        }
    }

    /// The guild of a channel, if `user` may read there.
    pub(crate) async fn readable(&self, user: UserId, channel: ChannelId) -> Result<GuildId, ApiError> {
        let guild = self.guild_of(channel).await?;
        if self.may_read(user, guild).await? {
            Ok(guild)
        } else {
            Err(ApiError::missing_access())
        }
    }
}
