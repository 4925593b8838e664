//! Nonces in Redis, for replicas that share one.
//!
//! Redis may lose keys: it is restarted, emptied, evicts, or a replica that lagged is promoted. So beside the nonces
//! stands to which epoch they belong, in which run of Redis it began, and how many keys had been evicted by then. While
//! all three are the same, nothing is missing: that is looked at with each nonce, in the script that takes it.

use std::sync::Arc;
use std::time::Duration;

use latchkey_service::{Asked, Epoch, Nonces, NoncesError, Taken};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, FromRedisValue, RedisError};
use uuid::Uuid;

/// An answer that takes longer has failed: a pipeline waits for it.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest pause before Redis is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// Where it stands to which epoch the nonces belong. It never expires.
const EPOCH: &str = "latchkey:nonces";

/// Begins each script: what has to follow the epoch for it to be whole, and what stands there.
macro_rules! script {
    ($($line:literal),+) => {
        concat!(
            "local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')\n",
            "local evicted = string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)')\n",
            "local whole = ' ' .. run .. ' ' .. evicted\n",
            "local there = redis.call('GET', KEYS[1]) or ''\n",
            $($line, "\n"),+
        )
    };
}

/// Takes the nonce of a key, for so many milliseconds, in an epoch: 1, or 0 if it was there, or 2 for another epoch.
const TAKE: &str = script!(
    "if there ~= ARGV[1] .. whole then return 2 end",
    "if redis.call('SET', KEYS[2], '', 'NX', 'PX', ARGV[2]) then return 1 end",
    "return 0"
);
/// What stands there, and what would have to follow the epoch.
const READ: &str = script!("return {there, whole}");
/// Begins an epoch in the place of what was found.
const BEGIN: &str = script!("if there == ARGV[2] then redis.call('SET', KEYS[1], ARGV[1] .. whole) end", "return 0");

/// Connects when it is first needed, and again by itself whenever the connection is lost.
pub(crate) struct RedisNonces(ConnectionManager);

impl RedisNonces {
    /// From `redis://…`. Redis need not be there yet.
    pub(crate) fn open(url: &str) -> Result<Self, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(RESPONSE_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_number_of_retries(1)
            .set_max_delay(PAUSE);
        Ok(Self(ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?))
    }

    /// For the service.
    pub(crate) fn shared(self) -> Arc<dyn Nonces> {
        Arc::new(self)
    }

    /// What an operator should know of how Redis is set up.
    pub(crate) async fn hints(&self) -> Vec<String> {
        let info = async |section: &str| self.ask::<String>(redis::cmd("INFO").arg(section)).await;
        let (Ok(memory), Ok(persistence)) = (info("memory").await, info("persistence").await) else {
            return vec![
                "Redis does not answer to INFO, so nobody can tell how it is set up; signed requests are refused until it \
                 does (a user of Redis needs +info, +eval, +get and +set)"
                    .to_owned(),
            ];
        };
        let mut hints = Vec::new();
        match (value(&memory, "maxmemory"), value(&memory, "maxmemory_policy")) {
            (Some("0"), _) | (_, Some("noeviction")) => {}
            (_, Some(policy)) => hints.push(format!(
                "Redis evicts keys when it is full (maxmemory-policy {policy}); each time it does, signed requests are \
                 refused for some seconds, because nonces may be gone: set it to noeviction"
            )),
            _ => hints.push("can't tell whether Redis evicts keys: its maxmemory-policy must be noeviction".to_owned()),
        }
        if value(&persistence, "aof_enabled") == Some("0") {
            hints.push(
                "Redis writes no append-only file, so a restart loses nonces; signed requests are then refused for some \
                 seconds"
                    .to_owned(),
            );
        }
        hints
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, NoncesError> {
        let mut connection = self.0.clone();
        command.query_async(&mut connection).await.map_err(|error: RedisError| NoncesError(error.to_string()))
    }
}

/// A value of `INFO`.
fn value<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix(':'))
}

fn eval(script: &str) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(script);
    command
}

impl Nonces for RedisNonces {
    fn take(&self, key: [u8; 32], seconds: i64, epoch: Uuid) -> Asked<'_, Taken> {
        Box::pin(async move {
            let key = [b"latchkey:nonce:".as_slice(), &key].concat();
            let mut command = eval(TAKE);
            command.arg(2).arg(EPOCH).arg(key).arg(epoch.to_string()).arg(seconds.unsigned_abs() * 1_000);
            Ok(match self.ask::<u8>(&command).await? {
                1 => Taken::First,
                0 => Taken::Again,
                _ => Taken::OtherEpoch,
            })
        })
    }

    fn epoch(&self) -> Asked<'_, Epoch> {
        Box::pin(async move {
            let (text, whole): (Vec<u8>, Vec<u8>) = self.ask(eval(READ).arg(1).arg(EPOCH)).await?;
            let epoch = text.strip_suffix(whole.as_slice()).and_then(|epoch| Uuid::try_parse_ascii(epoch).ok());
            Ok(Epoch { whole: epoch, text })
        })
    }

    fn begin(&self, new: Uuid, found: &Epoch) -> Asked<'_, ()> {
        let mut command = eval(BEGIN);
        command.arg(1).arg(EPOCH).arg(new.to_string()).arg(&found.text);
        Box::pin(async move { self.ask::<u8>(&command).await.map(|_| ()) })
    }
}
