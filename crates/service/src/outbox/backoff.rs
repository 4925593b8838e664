use latchkey_domain::Timestamp;

use crate::Random;

/// The wait after the first attempt, in microseconds; it doubles with each further one.
const BASE_MICROS: i64 = 5_000_000;
/// The longest wait, in microseconds.
const MAX_MICROS: i64 = 3_600_000_000;

/// When to try again after so many attempts: between half of the wait and all of it, at random, so that what failed
/// together is not tried again together.
pub(super) fn next_attempt(now: Timestamp, attempts: u32, random: &dyn Random) -> Timestamp {
    let doublings = attempts.saturating_sub(1).min(16);
    let wait = (BASE_MICROS << doublings).min(MAX_MICROS);
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    let half = wait / 2;
    let jitter = i64::try_from(u64::from_le_bytes(bytes) % half.unsigned_abs()).unwrap_or_default();
    Timestamp::from_micros(now.micros() + half + jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn the_wait_doubles_up_to_an_hour_and_is_spread() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let seconds = |attempts, random| {
            let next = next_attempt(now, attempts, &Fixed(random));
            (next.micros() - now.micros()) / 1_000_000
        };
        // The least of each.
        let least: Vec<_> = (1..=13).map(|attempts| seconds(attempts, 0)).collect();
        assert_eq!(least, [2, 5, 10, 20, 40, 80, 160, 320, 640, 1_280, 1_800, 1_800, 1_800]);
        for attempts in [1, 2, 5, 11, 40, u32::MAX] {
            for random in 0..=255 {
                let (least, found) = (seconds(attempts, 0), seconds(attempts, random));
                assert!((least..=2 * least + 1).contains(&found), "{attempts} {random}: {found}");
            }
        }
        assert!((0..=255).any(|random| seconds(6, random) != seconds(6, 0)));
    }
}
