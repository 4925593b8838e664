//! Text of a client that goes into the log.

use std::borrow::Cow;

use latchkey_domain::SecretKind;
use percent_encoding::percent_decode_str;

/// Characters of a path that are logged; fewer of a refused one, of which a client can make up many.
const MAX_PATH: usize = 300;
const MAX_REFUSED_PATH: usize = 64;
/// How often a text is percent-decoded. What is encoded more often is taken for a secret.
const MAX_DECODINGS: usize = 8;

/// A path without secrets, in whatever way they are written: somebody may paste one where an id belongs.
pub(crate) fn redacted(path: &str, refused: bool) -> String {
    let max = if refused { MAX_REFUSED_PATH } else { MAX_PATH };
    // A part is what stands between slashes; an encoded slash does not make two of one.
    let parts = path.split('/').map(|part| if may_hold_a_secret(part) { "[secret]" } else { part });
    let mut kept = parts.collect::<Vec<_>>().join("/");
    if let Some((cut, _)) = kept.char_indices().nth(max) {
        kept.truncate(cut);
        kept.push('…');
    }
    kept
}

/// Whether a text has the beginning of a secret anywhere in it once it is decoded as often as it has been encoded.
fn may_hold_a_secret(text: &str) -> bool {
    // Every prefix has an underscore.
    if !text.contains(['_', '%']) {
        return false;
    }
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_DECODINGS {
        if has_prefix(&text) {
            return true;
        }
        if !text.contains('%') {
            return false;
        }
        let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if decoded == text {
            return false;
        }
        text = Cow::Owned(decoded);
    }
    true
}

/// In any case of letters, and whatever else has been put between them: blanks as forms write them, and characters that
/// are not seen.
fn has_prefix(text: &str) -> bool {
    let seen = text.chars().filter(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.' | '~'));
    let seen: String = seen.map(|char| char.to_ascii_lowercase()).collect();
    SecretKind::ALL.into_iter().any(|kind| seen.contains(kind.prefix()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_secret_is_not_logged() {
        for (path, kept) in [
            ("/api/auth/cli-tokens/ci_Abc", "/api/auth/cli-tokens/[secret]"),
            ("/api/invitations/lkj_Abc/accept", "/api/invitations/[secret]/accept"),
            ("/setup%2Flink=lki%5FAbc/%6Cku_Abc", "/[secret]/[secret]"),
            ("/x/ci%5FAbc", "/x/[secret]"),
            ("/x/ci%5fAbc", "/x/[secret]"),
            ("/x/%63%69%5F%41bc", "/x/[secret]"),
            ("/x/%2563i_Abc", "/x/[secret]"),
            ("/x/%252563%252569%25255FAbc", "/x/[secret]"),
            ("/x/CI_Abc", "/x/[secret]"),
            ("/x/+ci_Abc", "/x/[secret]"),
            ("/x/c+i+_Abc", "/x/[secret]"),
            ("/x/a-longer-one.ci_Abc.more", "/x/[secret]"),
            ("/x/%FFci%5FAbc", "/x/[secret]"),
            ("/x/ci%E2%80%8B_Abc", "/x/[secret]"),
            ("ci_Abc", "[secret]"),
            ("*", "*"),
            ("/orgs/acme/settings/tokens", "/orgs/acme/settings/tokens"),
            ("/orgs/100%/a%20b", "/orgs/100%/a%20b"),
        ] {
            assert_eq!(redacted(path, false), kept, "{path}");
        }
        let over_and_over = ["/x/%", &"25".repeat(20), "63i_Abc"].concat();
        assert_eq!(redacted(&over_and_over, false), "/x/[secret]");
        assert_eq!(redacted(&"é".repeat(400), false).chars().count(), 301);
        assert_eq!(redacted(&"é".repeat(400), true).chars().count(), 65);
    }
}
