//! Which text people can read and tell apart: a rule by the properties of Unicode, not a list of characters.
//!
//! A text is seen: nothing unassigned, private, of control or format, and nothing that is ignorable by default, except
//! where a joiner or a variation selector changes what is seen. Marks stand on something, and not in piles (UTS 39,
//! section 5.4). A word of a name does not borrow letters of another alphabet that look like its own.
//!
//! Two names are one if they are the same after NFKC and case folding, without what is ignorable (Unicode's
//! NFKC_Casefold). The skeleton of UTS 39 is not what they are compared by: it makes `1` and `l`, `0` and `O`, `rn` and
//! `m` the same, so that names made by machines would be refused for others that nobody takes them for.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{
        CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, EmojiModifier, ExtendedPictographic,
        GeneralCategory, JoiningType, Script,
    },
};
use unicode_segmentation::UnicodeSegmentation;

use crate::name::{BYTES_PER_CHARACTER, NameError};

/// Most code points that may be one character; the longest emoji has 10, the longest cluster of consonants not more.
const CLUSTER_MAX: usize = 16;
/// Most nonspacing marks on one letter (UTS 39, section 5.4).
const MARKS_MAX: usize = 4;

const ZWNJ: char = '\u{200c}';
const ZWJ: char = '\u{200d}';

/// A text on one line: NFC, any white space one space.
pub(crate) fn line(text: &str, max: usize) -> Result<String, NameError> {
    let text = ComposingNormalizerBorrowed::new_nfc().normalize(text.trim());
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match general(c) {
            GeneralCategory::SpaceSeparator if line.ends_with(' ') => (),
            GeneralCategory::SpaceSeparator => line.push(' '),
            _ => line.push(c),
        }
    }
    if line.is_empty() {
        return Err(NameError::Empty);
    }
    readable(&line)?;
    if line.split(|c: char| !letter_or_mark(c)).any(borrows) {
        return Err(NameError::Mixed);
    }
    bounded(line, max)
}

/// A text that may have lines, or nothing in it.
pub(crate) fn lines(text: &str, max: usize) -> Result<String, NameError> {
    let text = ComposingNormalizerBorrowed::new_nfc().normalize(text.trim()).replace("\r\n", "\n");
    let text: String = text
        .chars()
        .map(|c| match c {
            '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
            '\t' => ' ',
            c if general(c) == GeneralCategory::SpaceSeparator => ' ',
            c => c,
        })
        .collect();
    text.lines().try_for_each(readable)?;
    bounded(text, max)
}

/// What a text is compared by: texts that differ in case, in compatible forms, or in what is not seen have one key.
pub(crate) fn key(text: &str) -> String {
    fold(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// NFKC_Casefold (The Unicode Standard, section 3.13, D146), except that NFKC comes first.
pub(crate) fn fold(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !ignorable(*c)).collect();
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(&seen).into_owned();
    let folded = CaseMapper::new().fold_string(&decomposed).into_owned();
    let folded = CaseMapper::new().fold_string(&nfkc.normalize(&folded)).into_owned();
    // What is compatible with something ignorable is ignorable by now.
    nfkc.normalize(&folded).chars().filter(|c| !ignorable(*c)).collect()
}

/// Compatible characters in their usual form, and without what is not seen; letters keep their case.
pub(crate) fn usual(text: &str) -> String {
    let usual = ComposingNormalizerBorrowed::new_nfkc().normalize(text);
    usual.chars().filter(|c| !ignorable(*c)).collect()
}

/// A character without its width and form (NFKC): `=` for `＝` and `﹦`.
pub fn plain(c: char) -> char {
    let mut bytes = [0; 4];
    let plain = ComposingNormalizerBorrowed::new_nfkc().normalize(c.encode_utf8(&mut bytes));
    plain.chars().next().unwrap_or(c)
}

/// The same text in NFC.
pub(crate) fn nfc(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}

/// Whether a text has compatible forms of other characters.
pub(crate) fn has_compatible(text: &str) -> bool {
    !ComposingNormalizerBorrowed::new_nfkc().is_normalized(text)
}

fn bounded(text: String, max: usize) -> Result<String, NameError> {
    let most = max * BYTES_PER_CHARACTER;
    if text.graphemes(true).count() > max {
        Err(NameError::TooLong { max })
    } else if text.len() > most || key(&text).len() > most {
        Err(NameError::TooLarge { max: most })
    } else {
        Ok(text)
    }
}

/// Checks a text without line breaks.
fn readable(text: &str) -> Result<(), NameError> {
    let chars: Vec<char> = text.chars().collect();
    for (at, &c) in chars.iter().enumerate() {
        let stands_on_something = || at.checked_sub(1).is_some_and(|before| chars[before] != ' ');
        match general(c) {
            GeneralCategory::SpaceSeparator if c == ' ' => (),
            _ if ignorable(c) && stands(&chars, at) => (),
            _ if ignorable(c) || blank(c) => return Err(NameError::Unseen),
            GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::Surrogate
            | GeneralCategory::PrivateUse
            | GeneralCategory::Unassigned
            | GeneralCategory::SpaceSeparator
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator => return Err(NameError::Unseen),
            category if is_mark(category) && !stands_on_something() => return Err(NameError::Piled),
            _ => (),
        }
    }
    if text.graphemes(true).any(|cluster| cluster.chars().count() > CLUSTER_MAX) || piled(text) {
        return Err(NameError::Piled);
    }
    Ok(())
}

/// Whether more marks stand on one letter than any language writes, or the same one twice.
fn piled(text: &str) -> bool {
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    let (mut before, mut count) = (None, 0);
    for c in decomposed.chars().filter(|c| !ignorable(*c)) {
        let pile = matches!(general(c), GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark);
        count = if pile { count + 1 } else { 0 };
        if count > MARKS_MAX || (pile && before == Some(c)) {
            return true;
        }
        before = Some(c);
    }
    false
}

/// Whether something ignorable changes what is seen where it stands.
fn stands(chars: &[char], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map(|at| chars[at]);
    let after = chars.get(at + 1).copied();
    match chars[at] {
        // RFC 5892, appendix A.1.
        ZWNJ => before(1).is_some_and(virama) || joins(&chars[..at], &chars[at + 1..]),
        // RFC 5892, appendix A.2; Bengali's before the virama (The Unicode Standard, section 12.2); and those of emoji.
        ZWJ => {
            let bengali = before(1).is_some_and(|before| {
                script(before) == Script::Bengali && after.is_some_and(virama) && chars.len() > at + 2
            });
            before(1).is_some_and(virama) || bengali || joins_emoji(&chars[..at], after)
        }
        // A digit is shown as an emoji with a key around it only.
        '\u{fe0e}' | '\u{fe0f}' => before(1).is_some_and(|base| {
            CodePointSetData::new::<Emoji>().contains(base) && (!base.is_ascii() || after == Some('\u{20e3}'))
        }),
        '\u{e0000}'..='\u{e007f}' => in_flag(chars, at),
        _ => false,
    }
}

fn joins(before: &[char], after: &[char]) -> bool {
    let joining = |c: &char| CodePointMapData::<JoiningType>::new().get(*c);
    let seen = |joining: &JoiningType| *joining != JoiningType::Transparent;
    let left = before.iter().rev().map(joining).find(seen);
    let right = after.iter().map(joining).find(seen);
    matches!(left, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(right, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

/// Unicode's rule GB11: between two pictures, the first of which may have a form or a colour.
fn joins_emoji(before: &[char], after: Option<char>) -> bool {
    let picture = |c: char| CodePointSetData::new::<ExtendedPictographic>().contains(c);
    let part = |c: char| c == '\u{fe0f}' || CodePointSetData::new::<EmojiModifier>().contains(c);
    let first = before.iter().rev().copied().find(|c| !part(*c));
    first.is_some_and(picture) && after.is_some_and(picture)
}

/// Whether a tag is part of one of the three flags that are made with tags (emoji-sequences.txt).
fn in_flag(chars: &[char], at: usize) -> bool {
    let tag = |c: &char| matches!(c, '\u{e0000}'..='\u{e007f}');
    let start = chars[..at].iter().rposition(|c| !tag(c));
    let end = chars[at..].iter().position(|c| !tag(c)).map_or(chars.len(), |length| at + length);
    start.is_some_and(|start| {
        let plain = |c: &char| char::from_u32(u32::from(*c) & 0x7f).unwrap_or_default();
        let region: String = chars[start + 1..end].iter().map(plain).collect();
        chars[start] == '\u{1f3f4}' && matches!(&*region, "gbeng\u{7f}" | "gbsct\u{7f}" | "gbwls\u{7f}")
    })
}

/// Whether a word has letters of an alphabet only in places where they look like those of another one: such a word is
/// made to be taken for another (as UTS 39, section 5.1, except that CJK goes with Latin).
fn borrows(word: &str) -> bool {
    let letters = || word.chars().filter(|c| !matches!(script(*c), Script::Common | Script::Inherited));
    let mixes = |of| letters().any(|c| script(c) != of);
    letters()
        .map(script)
        .filter(|of| !beside_latin(*of))
        .any(|of| mixes(of) && letters().filter(|c| script(*c) == of).all(looks_latin))
}

/// Whether a letter is drawn like one of Latin, or otherwise like one of another alphabet.
fn looks_latin(c: char) -> bool {
    let mut bytes = [0; 4];
    let latin = unicode_security::skeleton(c.encode_utf8(&mut bytes)).all(|c| script(c) == Script::Latin);
    latin || unicode_security::is_potential_mixed_script_confusable_char(c)
}

fn beside_latin(script: Script) -> bool {
    matches!(
        script,
        Script::Latin | Script::Han | Script::Hiragana | Script::Katakana | Script::Bopomofo | Script::Hangul
    )
}

/// Drawn as nothing, which no property says: blank patterns and fillers of Braille, music and hieroglyphs, and what
/// stands for an object that is not there.
fn blank(c: char) -> bool {
    matches!(c, '\u{2800}' | '\u{1d159}' | '\u{13441}' | '\u{13442}' | '\u{16fe4}' | '\u{fffc}')
}

fn ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

fn virama(c: char) -> bool {
    CodePointMapData::<CanonicalCombiningClass>::new().get(c) == CanonicalCombiningClass::Virama
}

pub(crate) fn script(c: char) -> Script {
    CodePointMapData::<Script>::new().get(c)
}

pub(crate) fn general(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

pub(crate) fn is_mark(category: GeneralCategory) -> bool {
    matches!(category, GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark | GeneralCategory::EnclosingMark)
}

fn letter_or_mark(c: char) -> bool {
    c.is_alphabetic() || is_mark(general(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: usize = 100;

    #[test]
    fn what_can_be_read_is_taken() {
        for good in [
            "GitHub Actions: deploy_prod (v2.1) #7 — 100%",
            "Größe prüfen",
            "部署 生产",
            "デプロイ",
            "배포",
            // Persian with non-joiners.
            "می\u{200c}خواهم",
            "کتاب\u{200c}های",
            // Joiners and non-joiners of Indic scripts.
            "क्\u{200d}ष",
            "क्\u{200c}ष",
            "ක්\u{200d}ෂ",
            "র\u{200d}্যাব",
            // Vietnamese, Hebrew with points, Thai, Tibetan.
            "Triê\u{309}n khai",
            "בְּרֵאשִׁ֖ית",
            "ที่นี่",
            "བསྒྲུབས",
            // Emoji: joined, coloured, with a form, keys, flags.
            "👩\u{200d}💻 ❤\u{fe0f} 👩🏿\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👩🏿 🏳\u{fe0f}\u{200d}🌈 1\u{fe0f}\u{20e3} 🇨🇭 👍🏽",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "★★★",
            // Alphabets in words of their own, and letters that look like no other.
            "CI для api",
            "50μs Δt",
        ] {
            assert_eq!(line(good, MAX).as_deref(), Ok(&*nfc(good)), "{good}");
        }
    }

    #[test]
    fn what_can_not_be_seen_is_refused() {
        for unseen in [
            // Ignorable by default: soft hyphen, grapheme joiner, fillers, variation selectors, tags, operators.
            "dep\u{ad}loy",
            "a\u{34f}b",
            "\u{3164}",
            "\u{115f}",
            "\u{1160}",
            "\u{ffa0}",
            "a\u{fe00}",
            "a\u{fe0f}",
            "a\u{e0100}",
            "\u{fe0f}",
            "1\u{fe0f}",
            "a\u{e0061}",
            "\u{e0001}",
            "a\u{2060}b",
            "a\u{2063}b",
            "\u{feff}",
            "a\u{180e}b",
            "a\u{61c}b",
            // Joiners that join nothing.
            "dep\u{200d}loy",
            "dep\u{200c}loy",
            "\u{200d}",
            "👩\u{200d}",
            "\u{200d}👩",
            "👩\u{200d}a",
            "د\u{200c}ر",
            "a\u{200b}b",
            // Tags of no flag that there is.
            "🏴\u{e0061}\u{e007f}",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}",
            "🚀\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            // Blank, but no property says so.
            "\u{2800}",
            "a\u{2800}b",
            "\u{1d159}",
            "\u{fffc}",
            // Private, unassigned, no characters; controls; lines and directions.
            "\u{e000}",
            "\u{f0000}",
            "\u{378}",
            "\u{fdd0}",
            "\u{10ffff}",
            "a\u{0}b",
            "a\u{7}b",
            "a\u{85}b",
            "a\tb",
            "a\u{2028}b",
            "a\u{202e}b",
            "a\u{2066}b",
            "\u{600}1",
        ] {
            assert_eq!(line(unseen, MAX), Err(NameError::Unseen), "{unseen:?}");
            assert!(lines(unseen, MAX).is_err() || unseen.contains(['\t', '\u{85}', '\u{2028}']), "{unseen:?}");
        }
    }

    #[test]
    fn spaces_are_one_space() {
        assert_eq!(line("\u{3000} a \u{a0}\u{2003}b\u{202f}c \u{2009}", MAX).as_deref(), Ok("a b c"));
        for nothing in ["", " ", "\u{2003}", "\u{3000}\u{a0}", "\u{1680}"] {
            assert_eq!(line(nothing, MAX), Err(NameError::Empty), "{nothing:?}");
        }
    }

    #[test]
    fn marks_stand_on_something_and_not_in_piles() {
        let zalgo = "Z\u{351}\u{36b}\u{343}\u{36a}\u{302}algo";
        let joined = "👩\u{200d}".repeat(20) + "👩";
        for piled in ["\u{301}a", "a \u{301}b", "e\u{301}\u{301}", zalgo, &*joined, &*"\u{1100}".repeat(17)] {
            assert_eq!(line(piled, MAX), Err(NameError::Piled), "{piled:?}");
        }
    }

    #[test]
    fn characters_are_counted_as_people_do() {
        for one in ["é", "e\u{301}", "👨\u{200d}👩\u{200d}👧\u{200d}👦", "🇨🇭", "नि", "각", "\u{1100}\u{1161}\u{11a8}"]
        {
            assert!(line(&one.repeat(MAX), MAX).is_ok(), "{one}");
            assert_eq!(line(&one.repeat(MAX + 1), MAX), Err(NameError::TooLong { max: MAX }), "{one}");
        }
        let longest = "👩🏿\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👩🏿";
        assert!(line(&longest.repeat(50), MAX).is_ok());
        assert_eq!(line(&longest.repeat(MAX), MAX), Err(NameError::TooLarge { max: 2_500 }));
        assert_eq!(line(&"\u{fdfa}".repeat(MAX), MAX), Err(NameError::TooLarge { max: 2_500 }));
    }

    #[test]
    fn a_word_borrows_no_letters() {
        for mixed in [
            "\u{501}eploy",
            "\u{51d}eb",
            "\u{a4d3}eploy",
            "\u{13a0}eploy",
            "\u{2c9f}ps",
            "\u{2d54}api",
            "d\u{435}ploy",
            "\u{410}cme",
            "p\u{3bf}licy",
            "prod-d\u{435}ploy",
            "сі\u{69}",
        ] {
            assert_eq!(line(mixed, MAX), Err(NameError::Mixed), "{mixed}");
        }
    }

    #[test]
    fn keys() {
        for (a, b) in [
            ("Café", "Cafe\u{301}"),
            ("DEPLOY", "deploy"),
            ("Straße", "STRASSE"),
            ("ﬁx", "Fix"),
            ("Ｄｅｐｌｏｙ", "deploy"),
            ("\u{212a}ey \u{212b}", "key å"),
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
            ("a  b", "A\u{a0}b"),
            ("dep\u{ad}loy", "deploy"),
            ("می\u{200c}خواهم", "میخواهم"),
            ("①", "1"),
        ] {
            assert_eq!(key(a), key(b), "{a} {b}");
        }
        // Told apart by whoever wants to: see above.
        for (a, b) in [("deploy-1", "deploy-l"), ("O", "0"), ("corn", "com"), ("a b", "ab"), ("é", "e")] {
            assert_ne!(key(a), key(b), "{a} {b}");
        }
    }

    fn anything() -> impl Strategy<Value = String> {
        "(\\PC|.|[\\p{M}\\p{Cf}]|[a-zA-Z 👩🏽‍️ßﬁ\u{345}\u{3164}]){0,60}"
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_seen_bounded_and_stays_as_it_is(text in anything()) {
            if let Ok(name) = line(&text, MAX) {
                prop_assert!((1..=MAX).contains(&name.graphemes(true).count()) && name.len() <= 2_500);
                prop_assert!(key(&name).len() <= 2_500 && !key(&name).is_empty());
                prop_assert!(!name.starts_with(char::is_whitespace) && !is_mark(general(name.chars().next().unwrap())));
                prop_assert!(ComposingNormalizerBorrowed::new_nfc().is_normalized(&name));
                prop_assert_eq!(line(&name, MAX), Ok(name.clone()));
                prop_assert_eq!(lines(&name, MAX), Ok(name));
            }
        }

        #[test]
        fn normal_forms_and_case_make_no_other_name(text in anything()) {
            let expected = key(&text);
            prop_assert_eq!(&key(&expected), &expected);
            for same in [
                nfc(&text),
                DecomposingNormalizerBorrowed::new_nfd().normalize(&text).into_owned(),
                ComposingNormalizerBorrowed::new_nfkc().normalize(&text).into_owned(),
                DecomposingNormalizerBorrowed::new_nfkd().normalize(&text).into_owned(),
            ] {
                prop_assert_eq!(&key(&same), &expected);
            }
            if let Ok(name) = line(&text, MAX) {
                prop_assert_eq!(key(&name), expected);
            }
        }

        #[test]
        fn nothing_unseen_makes_another_name(text in "[a-z日é👩]{0,9}", at in 0..9_usize, unseen in "[\u{ad}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2060}-\u{206f}\u{fe00}-\u{fe0f}\u{e0000}-\u{e0fff}]") {
            let mut chars: Vec<char> = text.chars().collect();
            chars.insert(at.min(chars.len()), unseen.chars().next().unwrap());
            let changed: String = chars.into_iter().collect();
            prop_assert_eq!(key(&changed), key(&text));
        }
    }
}
