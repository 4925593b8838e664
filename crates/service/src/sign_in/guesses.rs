//! Guesses at passwords and links: how many there may be, and how long to wait after them.
//!
//! A guess counts before it is looked at, in all its buckets in one transaction: of two hundred at once, as many are
//! looked at as the rule allows. What was right is given back.

use std::net::IpAddr;

use latchkey_domain::{Email, Timestamp};
use latchkey_store::{Tx, attempts, attempts::Attempts};

use crate::transaction::Purpose;
use crate::{Error, Service};

/// A hash of what is counted, so that the table does not say whose accounts are under attack.
pub(crate) type Key = [u8; 32];

/// Guesses are forgotten this long after the last one.
const WINDOW_SECONDS: i64 = 3_600;
/// Longest wait for one account from one network, for a browser, and for a network.
const LONGEST_WAIT: i64 = 15 * 60;
/// Longest wait for an account wherever the guesses come from: there it is a stranger who makes people wait.
const LONGEST_WAIT_ACCOUNT: i64 = 60;
/// Guesses without any wait: for one account from one network, and by a browser that has signed in before.
const FREE_OWN: u32 = 5;
/// For an account, wherever they come from.
const FREE_ACCOUNT: u32 = 100;
/// For an IPv4 address, behind which an office of people may sit, and for what is as much in IPv6: the network of a
/// house. Whoever has none to be known by shares one bucket with all who have none.
const FREE_ADDRESS: u32 = 20;
/// For the networks that providers give to a customer, of which each holds many houses' worth.
const FREE_IPV6: [(u8, u32); 2] = [(56, 60), (48, 120)];

/// What a guess is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bucket {
    key: Key,
    /// Guesses without a wait.
    free: u32,
    /// Longest wait after more of them, in seconds.
    longest: i64,
    /// One of the guesser alone: nobody else is made to wait by it.
    own: bool,
}

/// The buckets of one guess, in the order in which they are locked.
#[derive(Debug)]
pub(crate) struct Buckets(Vec<Bucket>);

/// A guess that was counted and may be looked at.
#[derive(Debug)]
pub(crate) struct Guess {
    at: Timestamp,
    counted: Vec<(Bucket, Option<Attempts>)>,
    /// Seconds to wait because of others' guesses: only who is known may go on. Then the own buckets alone count.
    pub(crate) wait: Option<u64>,
}

impl Buckets {
    /// Of somebody who says that an account is theirs.
    pub(crate) fn of_stranger(address: Option<IpAddr>, email: &Email) -> Self {
        let account = Bucket {
            key: key(&["account", email.as_str()]),
            free: FREE_ACCOUNT,
            longest: LONGEST_WAIT_ACCOUNT,
            own: false,
        };
        let own = Bucket { key: account_at(address, email), free: FREE_OWN, longest: LONGEST_WAIT, own: true };
        Self::ordered(of_networks("address", address, false).chain([account, own]))
    }

    /// Of a browser that has signed in to the account before: it waits for nobody else's guesses.
    pub(crate) fn of_device(id: &[u8; 16]) -> Self {
        let hash = key(&["device", &uuid::Uuid::from_bytes(*id).to_string()]);
        Self(vec![Bucket { key: hash, free: FREE_OWN, longest: LONGEST_WAIT, own: true }])
    }

    /// Of somebody who presents a link to set up or to join.
    pub(crate) fn of_link(address: Option<IpAddr>) -> Self {
        Self::ordered(of_networks("link", address, true))
    }

    fn ordered(buckets: impl Iterator<Item = Bucket>) -> Self {
        let mut buckets: Vec<_> = buckets.collect();
        buckets.sort_by_key(|bucket| bucket.key);
        Self(buckets)
    }
}

impl Service {
    /// Counts a guess before it is looked at, or refuses it.
    pub(crate) async fn count_guess(&self, buckets: Buckets) -> Result<Guess, Error> {
        let now = self.now();
        let mut tx = self.begin_system(Purpose::Bookkeeping).await?;
        let mut counted = Vec::with_capacity(buckets.0.len());
        for bucket in buckets.0 {
            counted.push((bucket, attempts::get(&mut tx, &bucket.key, window(now)).await?));
        }
        let wait = |own: bool| {
            let those = counted.iter().filter(|(bucket, _)| bucket.own || !own);
            those.filter_map(|(bucket, before)| bucket.wait(before.as_ref()?, now)).max()
        };
        // What is said is the longest wait: after it, the next guess is looked at.
        let longest = wait(false);
        if let (Some(_), Some(retry_after)) = (wait(true), longest) {
            return Err(Error::TooManyAttempts { retry_after });
        }
        counted.retain(|(bucket, _)| bucket.own || longest.is_none());
        for (bucket, _) in &counted {
            attempts::add(&mut tx, &bucket.key, window(now), now).await?;
        }
        tx.commit().await?;
        Ok(Guess { at: now, counted, wait: longest })
    }

    /// Takes back a guess that was right or was not looked at.
    pub(crate) async fn give_back(&self, guess: &Guess) -> Result<(), Error> {
        let mut tx = self.begin_system(Purpose::Bookkeeping).await?;
        for (bucket, before) in &guess.counted {
            attempts::undo(&mut tx, &bucket.key, guess.at, *before).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Ends the guessing of somebody who has proved who they are. Their own buckets are forgotten. Of those that others
    /// share they get back this one attempt: who owns an account must not make room for more guesses at another.
    pub(super) async fn forgive(&self, tx: &mut Tx, guess: &Guess) -> Result<(), Error> {
        for (bucket, before) in &guess.counted {
            if bucket.own {
                attempts::clear(tx, &bucket.key).await?;
            } else {
                attempts::undo(tx, &bucket.key, guess.at, *before).await?;
            }
        }
        Ok(())
    }
}

impl Bucket {
    /// Seconds to wait, if any.
    fn wait(&self, before: &Attempts, now: Timestamp) -> Option<u64> {
        let beyond = before.failures.checked_sub(self.free)?;
        // 5, 10, 20 … seconds.
        let seconds = 5_i64.saturating_mul(1 << beyond.min(20)).min(self.longest);
        let left = before.last_at.plus_seconds(seconds).micros() - now.micros();
        u64::try_from(left).ok().filter(|left| *left > 0).map(|left| left.div_ceil(1_000_000))
    }
}

/// The key of an account and where somebody signs in to it from.
pub(super) fn account_at(address: Option<IpAddr>, email: &Email) -> Key {
    key(&["account at", &network(address, 64), email.as_str()])
}

/// The key of the widest network that counts as one source.
pub(crate) fn source_of(address: Option<IpAddr>) -> Key {
    key(&["source", &network(address, 48)])
}

/// From when on guesses count.
pub(crate) fn window(now: Timestamp) -> Timestamp {
    now.plus_seconds(-WINDOW_SECONDS)
}

fn of_networks(kind: &'static str, address: Option<IpAddr>, own: bool) -> impl Iterator<Item = Bucket> {
    let wider = if matches!(address, Some(IpAddr::V6(_))) { FREE_IPV6.as_slice() } else { &[] };
    [(64, FREE_ADDRESS)].into_iter().chain(wider.iter().copied()).map(move |(prefix, free)| {
        let key = key(&[kind, &network(address, prefix)]);
        Bucket { key, free, longest: LONGEST_WAIT, own }
    })
}

/// An IPv4 address, or the IPv6 network of so many bits.
fn network(address: Option<IpAddr>, prefix: u8) -> String {
    match address.map(|address| address.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let kept = address.to_bits() & !(u128::MAX >> prefix);
            format!("{kept:032x}/{prefix}")
        }
    }
}

fn key(parts: &[&str]) -> Key {
    // No part has a null.
    latchkey_domain::sha256(parts.join("\0").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    #[test]
    fn waits_grow_to_a_quarter_of_an_hour() {
        let bucket = Bucket { key: [0; 32], free: 5, longest: LONGEST_WAIT, own: true };
        let wait = |failures, at| bucket.wait(&Attempts { failures, last_at: NOW }, at);
        let waits: Vec<_> = (3..15).map(|failures| wait(failures, NOW).unwrap_or(0)).collect();
        assert_eq!(waits, [0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(wait(u32::MAX, NOW), Some(900));
        // Whoever waits as long as they are told is let in.
        let at = Timestamp::from_micros(NOW.micros() + 4_200_000);
        assert_eq!((wait(5, at), wait(5, at.plus_seconds(1))), (Some(1), None));
        let account = Bucket { longest: LONGEST_WAIT_ACCOUNT, ..bucket };
        assert_eq!(account.wait(&Attempts { failures: 1_000, last_at: NOW }, NOW), Some(60));
    }

    #[test]
    fn an_ipv6_network_is_counted_in_three_sizes() {
        let keys = |address: &str| {
            let buckets = of_networks("address", Some(address.parse().unwrap()), false);
            buckets.map(|bucket| (bucket.key, bucket.free)).collect::<Vec<_>>()
        };
        let same = |one: &str, two: &str| {
            let pairs: Vec<_> = keys(one).into_iter().zip(keys(two)).map(|(one, two)| one.0 == two.0).collect();
            pairs
        };
        assert_eq!(same("2001:db8::1", "2001:db8::ffff:1"), [true, true, true]);
        assert_eq!(same("2001:db8::1", "2001:db8:0:1::1"), [false, true, true]);
        assert_eq!(same("2001:db8::1", "2001:db8:0:ff::1"), [false, true, true]);
        assert_eq!(same("2001:db8::1", "2001:db8:0:100::1"), [false, false, true]);
        assert_eq!(same("2001:db8::1", "2001:db8:1::1"), [false, false, false]);
        assert_eq!(keys("2001:db8::1").iter().map(|(_, free)| *free).collect::<Vec<_>>(), [20, 60, 120]);
        let all: std::collections::HashSet<_> = keys("2001:db8::1").into_iter().map(|(key, _)| key).collect();
        assert_eq!(all.len(), 3, "a network and the one around it are two buckets, also when they begin alike");
        assert_eq!(keys("192.0.2.1").len(), 1);
    }

    #[test]
    fn an_address_is_one_in_both_forms_and_none_is_nobodys() {
        let at = |address: Option<&str>| network(address.map(|address| address.parse().unwrap()), 64);
        assert_eq!(at(Some("::ffff:192.0.2.1")), at(Some("192.0.2.1")));
        assert_ne!(at(None), at(Some("::")));
        assert_ne!(at(None), at(Some("0.0.0.0")));
    }
}
