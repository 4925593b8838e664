//! From the method and path of a request to the scope and repository that it needs.

use serde::Deserialize;
use thiserror::Error;

use crate::{Pin, Scope};

/// Longest path that is looked at, in bytes.
const PATH_MAX: usize = 4_096;
/// Segments of most paths: room is made for so many at once.
const SEGMENTS_USUAL: usize = 8;

/// The rules of a route file, in its order.
#[derive(Debug)]
pub struct Routes {
    rules: Vec<Rule>,
    /// For all of them.
    organizations: Option<Pin>,
}

#[derive(Debug)]
struct Rule {
    segments: Vec<Segment>,
    methods: Vec<String>,
    scope: Option<Scope>,
    repository: Option<Template>,
    organizations: Option<Pin>,
    /// Whether the question of a browser that comes before the request itself may pass without a credential.
    cors: bool,
}

/// What stands between two slashes.
#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Text(String),
    Name(String),
    /// All that follows, and at least one segment.
    Rest,
}

/// A repository made of parts of the path: texts and names of parameters, in turns.
#[derive(Debug)]
struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Parameter(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    organizations: Option<Pin>,
    routes: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: String,
    methods: Vec<String>,
    scope: Option<String>,
    repository: Option<String>,
    organizations: Option<Pin>,
    #[serde(default)]
    cors: bool,
}

/// What is wrong with a route file.
#[derive(Debug, Error)]
pub enum RoutesError {
    /// It is not TOML, or has other names.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    /// A rule can't be kept.
    #[error("{path}: {reason}")]
    Route {
        /// The rule's path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What a request needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteAccess<'r> {
    /// What the token must have; nothing when any token will do.
    pub scope: Option<&'r Scope>,
    /// Id or full name of what the token must reach.
    pub repository: Option<String>,
    /// Which organizations it may be about; all of these hold.
    pub organizations: Vec<&'r Pin>,
}

/// Why no rule was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRule {
    /// No rule is for this method and path.
    Unmatched,
    /// The path can be read in more than one way, and what stands behind Latchkey may read it in another.
    Ambiguous,
}

impl Routes {
    /// The file that is built in.
    pub fn built_in() -> Result<Self, RoutesError> {
        Self::from_toml(include_str!("routes.toml"))
    }

    /// Reads a file.
    pub fn from_toml(text: &str) -> Result<Self, RoutesError> {
        let file: File = toml::from_str(text)?;
        let mut rules: Vec<Rule> = Vec::new();
        for Entry { path, methods, scope, repository, organizations, cors } in file.routes {
            let wrong = |reason: &str| RoutesError::Route { path: path.clone(), reason: reason.to_owned() };
            let segments = segments(&path).map_err(wrong)?;
            let methods = methods
                .iter()
                .map(|method| if is_method(method) { Ok(method.clone()) } else { Err(wrong("this is not a method")) })
                .collect::<Result<Vec<_>, _>>()?;
            if methods.is_empty() {
                return Err(wrong("a rule needs methods"));
            }
            let scope = scope.map(|scope| read_scope(&scope).ok_or_else(|| wrong("a scope is resource:action")));
            let repository = match repository {
                Some(text) => Some(Template::read(&text, &segments).ok_or_else(|| wrong("the path has no such name"))?),
                None => Template::read("{repository}", &segments),
            };
            let same = |rule: &Rule| rule.segments == segments && rule.methods.iter().any(|of| methods.contains(of));
            if rules.iter().any(same) {
                return Err(wrong("an earlier rule is for the same path and method"));
            }
            rules.push(Rule { scope: scope.transpose()?, segments, methods, repository, organizations, cors });
        }
        Ok(Self { rules, organizations: file.organizations })
    }

    /// What a request needs; `target` is its path with its query.
    pub fn needed(&self, method: &str, target: &str) -> Result<RouteAccess<'_>, NoRule> {
        let (rule, asked) = self.rule(method, target)?;
        let repository = rule.repository.as_ref().map(|template| template.fill(|name| rule.named(name, &asked)));
        let organizations = self.organizations.iter().chain(&rule.organizations).collect();
        Ok(RouteAccess { scope: rule.scope.as_ref(), repository, organizations })
    }

    /// Which organizations all rules are about, if the file says so.
    pub fn organizations(&self) -> Option<&Pin> {
        self.organizations.as_ref()
    }

    /// Whether a browser may ask, without a credential, what pages of other origins may send there by this method (the
    /// preflight of CORS: <https://fetch.spec.whatwg.org/#cors-preflight-request>).
    pub fn allow_preflight(&self, method: &str, target: &str) -> Result<bool, NoRule> {
        self.rule(method, target).map(|(rule, _)| rule.cors)
    }

    /// The first rule that fits, and the segments of the path.
    fn rule<'t>(&self, method: &str, target: &'t str) -> Result<(&Rule, Vec<&'t str>), NoRule> {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        if is_ambiguous(path) {
            return Err(NoRule::Ambiguous);
        }
        let mut asked = Vec::with_capacity(SEGMENTS_USUAL);
        asked.extend(path.split('/').skip(1));
        let method = if method == "HEAD" { "GET" } else { method };
        let fits = |rule: &&Rule| rule.matches(&asked) && rule.methods.iter().any(|of| of == method);
        let rule = self.rules.iter().find(fits).ok_or(NoRule::Unmatched)?;
        Ok((rule, asked))
    }
}

impl Rule {
    fn matches(&self, asked: &[&str]) -> bool {
        // Most rules are told apart by this alone.
        if self.segments.len() != asked.len() && self.segments.last() != Some(&Segment::Rest) {
            return false;
        }
        let mut left = asked.iter();
        for segment in &self.segments {
            match (segment, left.next()) {
                (Segment::Rest, found) => return found.is_some_and(|found| !found.is_empty()),
                (Segment::Text(text), Some(found)) if text == found => {}
                (Segment::Name(_), Some(found)) if !found.is_empty() => {}
                _ => return false,
            }
        }
        left.next().is_none()
    }

    fn named<'a>(&self, name: &str, asked: &[&'a str]) -> Option<&'a str> {
        let at = self.segments.iter().position(|segment| matches!(segment, Segment::Name(of) if of == name))?;
        asked.get(at).copied()
    }
}

/// Reads a pattern of a path.
fn segments(path: &str) -> Result<Vec<Segment>, &'static str> {
    let rest = path.strip_prefix('/').ok_or("a path begins with /")?;
    let mut segments = Vec::new();
    for text in rest.split('/') {
        if segments.last() == Some(&Segment::Rest) {
            return Err("nothing comes after {*rest}");
        }
        let name = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        segments.push(match name {
            Some(name) if name.starts_with('*') => Segment::Rest,
            Some("") => return Err("a name is missing between { and }"),
            Some(name) if segments.contains(&Segment::Name(name.to_owned())) => return Err("a name is there twice"),
            Some(name) => Segment::Name(name.to_owned()),
            None if text.contains(['{', '}']) => return Err("a name takes a whole segment"),
            // A request with such a path is refused, and never comes to this rule.
            None if !text.bytes().all(is_plain) => return Err("a path has neither escapes nor what needs them"),
            None => Segment::Text(text.to_owned()),
        });
    }
    Ok(segments)
}

impl Template {
    /// `None` if it has a name that the path has not.
    fn read(text: &str, segments: &[Segment]) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            if !segments.contains(&Segment::Name(name.to_owned())) {
                return None;
            }
            parts.extend([Part::Text(before.to_owned()), Part::Parameter(name.to_owned())]);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Some(Self(parts))
    }

    fn fill<'a>(&self, parameter: impl Fn(&str) -> Option<&'a str>) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text,
            Part::Parameter(name) => parameter(name).unwrap_or_default(),
        });
        parts.collect()
    }
}

/// A token in the sense of RFC 9110, section 9.1.
fn is_method(text: &str) -> bool {
    !text.is_empty() && text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn read_scope(text: &str) -> Option<Scope> {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let (resource, action) = text.split_once(':')?;
    (word(resource) && word(action)).then(|| Scope::stored(text))
}

/// What may stand in a segment as it is: `pchar` of RFC 3986, without the semicolon, at which some cut segments off.
fn is_plain(byte: u8) -> bool {
    PLAIN[usize::from(byte)]
}

/// [`is_plain`] for each byte: it is asked for each of a path, for each request.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0_u8;
    while byte.is_ascii() {
        plain[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"-._~!$&'()*+,=:@";
    let mut at = 0;
    while at < others.len() {
        plain[others[at] as usize] = true;
        at += 1;
    }
    plain
};

/// Whether proxies and frameworks are known to disagree on what a path means: an attacker would have us check one
/// reading, and be served another. What is left has one spelling, but for the case of its escapes.
fn is_ambiguous(path: &str) -> bool {
    let bytes = path.as_bytes();
    if !path.starts_with('/') || path.len() > PATH_MAX || bytes.windows(2).any(|two| two == b"//") {
        return true;
    }
    let has_dots = || path.split('/').any(|segment| matches!(segment, "." | ".."));
    // Most paths have no escapes.
    if bytes.iter().all(|byte| *byte == b'/' || is_plain(*byte)) {
        return bytes.contains(&b'.') && has_dots();
    }
    let mut decoded = Vec::new();
    for (at, part) in path.split('%').enumerate() {
        // Each part but the first begins with the two digits of an escape.
        let plain = if at == 0 { Some(part) } else { part.get(2..) };
        let Some(plain) = plain.filter(|plain| plain.bytes().all(|byte| byte == b'/' || is_plain(byte))) else {
            return true;
        };
        if at > 0 {
            match u8::from_str_radix(&part[..2], 16) {
                // ASCII that can't stand there as it is, and has no meaning of its own in paths.
                Ok(byte) if !byte.is_ascii() || b" \"<>[]^`{|}".contains(&byte) => decoded.push(byte),
                _ => return true,
            }
        }
        decoded.extend(plain.bytes());
    }
    // Other bytes must be text: some decoders take `%C0%AF` for a slash.
    !String::from_utf8(decoded).is_ok_and(|text| !text.contains(char::is_control)) || has_dots()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(method: &str, target: &str) -> Result<(String, Option<String>), NoRule> {
        let routes = Routes::built_in().unwrap();
        let found = routes.needed(method, target)?;
        Ok((found.scope.map(|scope| scope.to_string()).unwrap_or_default(), found.repository))
    }

    #[test]
    fn the_built_in_file_covers_the_api() {
        let scope = |method, target| demand(method, target).map(|(scope, _)| scope);
        for (method, target, expected) in [
            ("GET", "/api/scans/dashboard", "scans:read"),
            ("HEAD", "/api/scans/dashboard", "scans:read"),
            ("POST", "/api/scans/7/cancel", "scans:trigger"),
            ("GET", "/api/drifts/?status=detected&severity=high", "drifts:read"),
            ("PATCH", "/api/drifts/7", "drifts:write"),
            ("GET", "/api/runners", "runners:read"),
            ("DELETE", "/api/runners/7", "runners:manage"),
            ("POST", "/api/repos", "repos:write"),
        ] {
            assert_eq!(scope(method, target), Ok(expected.to_owned()), "{method} {target}");
        }
        assert_eq!(scope("POST", "/api/scans/dashboard"), Err(NoRule::Unmatched));
        assert_eq!(scope("DELETE", "/api/drifts/7"), Err(NoRule::Unmatched));
        assert_eq!(scope("GET", "/"), Err(NoRule::Unmatched));
    }

    #[test]
    fn repositories_come_from_the_path() {
        let trigger = |target| demand("POST", target).map(|(_, repository)| repository);
        assert_eq!(trigger("/api/scans/trigger/7?force=1"), Ok(Some("7".to_owned())));
        assert_eq!(trigger("/api/scans/trigger/acme/api"), Ok(Some("acme/api".to_owned())));
        assert_eq!(demand("GET", "/api/repos").unwrap().1, None);
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for target in [
            "",
            "api/scans",
            "//api/scans/dashboard",
            "/api//scans",
            "/api/scans/../runners",
            "/api/scans/./dashboard",
            "/api/scans/..",
            "/api/scans/%2e%2e/runners",
            "/api/scans/..%2frunners",
            "/api/scans/%2Fx",
            "/api/scans/%5c..%5crunners",
            "/api/scans\\..\\runners",
            "/api/scans/%252e%252e/runners",
            "/api/scans/dashboard;/../../runners",
            "/api/scans/%64ashboard",
            "/api/scans/%zz",
            "/api/scans/%",
            "/api/scans/%00",
            "/api/scans/%2Ddashboard",
            "/api/scans/%3Ax",
            "/api/scans/%C0%AFrunners",
            "/api/scans/%C3",
            "/api/scans/%C2%85",
            "/api/scans/%+c",
            "/api/scans/%\u{e9}",
            "/api/scans/[x]",
            "/api/scans/\u{e9}",
            "/api/scans/a b",
            "/api/scans#/runners",
        ] {
            assert_eq!(demand("GET", target).unwrap_err(), NoRule::Ambiguous, "{target}");
        }
        assert!(demand("GET", "/api/scans/%C3%A9").is_ok());
        assert!(demand("GET", "/api/scans/x?path=/../%2e").is_ok());
        assert!(demand("GET", &format!("/api/scans/{}", "x".repeat(5_000))).is_err());
    }

    #[test]
    fn a_file_that_says_two_things_is_refused() {
        for text in [
            "[[routes]]\npath = 'api'\nmethods = ['GET']",
            "[[routes]]\npath = '/api'\nmethods = []",
            "[[routes]]\npath = '/api'\nmethods = ['GET']\nscpe = 'x:y'",
            "[[routes]]\npath = '/api'\nmethods = ['GET']\nscope = 'everything'",
            "[[routes]]\npath = '/api/{a}'\nmethods = ['GET']\nrepository = '{b}'",
            "[[routes]]\npath = '/api'\nmethods = ['GET']\n[[routes]]\npath = '/api'\nmethods = ['GET', 'PUT']",
            "[[routes]]\npath = '/api/{*rest}/x'\nmethods = ['GET']",
            "[[routes]]\npath = '/api/x%2Dy'\nmethods = ['GET']",
            "[[routes]]\npath = '/api/x{a}'\nmethods = ['GET']",
            "[[routes]]\npath = '/api/{a}/{a}'\nmethods = ['GET']",
            "[[routes]]\npath = '/api'\nmethods = ['GET']\norganizations = []",
            "[[routes]]\npath = '/api'\nmethods = ['GET']\norganizations = 'acme'",
            "organizations = ['Acme Corp']\n[[routes]]\npath = '/api'\nmethods = ['GET']",
            "[[routes]]\npath = '/api'\nmethods = ['GET']\ncors = 'yes'",
        ] {
            assert!(Routes::from_toml(text).is_err(), "{text}");
        }
    }

    #[test]
    fn organizations_of_the_file_and_of_the_rule_hold_both() {
        let file = "organizations = ['acme', 'globex']\n\
            [[routes]]\npath = '/a'\nmethods = ['GET']\norganizations = 'any'\n\
            [[routes]]\npath = '/b'\nmethods = ['GET']";
        let routes = Routes::from_toml(file).unwrap();
        let whole = Pin::only(["acme", "globex"]).unwrap();
        assert_eq!(routes.needed("GET", "/a").unwrap().organizations, [&whole, &Pin::Any]);
        assert_eq!(routes.needed("GET", "/b").unwrap().organizations, [&whole]);
        assert!(Routes::built_in().unwrap().needed("GET", "/api/scans").unwrap().organizations.is_empty());
    }

    #[test]
    fn a_preflight_is_for_the_method_that_it_asks_for() {
        let file = "[[routes]]\npath = '/a'\nmethods = ['GET']\n\
            [[routes]]\npath = '/a'\nmethods = ['PUT', 'DELETE']\ncors = true\n\
            [[routes]]\npath = '/{*rest}'\nmethods = ['GET', 'POST']\ncors = true";
        let routes = Routes::from_toml(file).unwrap();
        for (method, target, allowed) in [
            ("PUT", "/a?x=1", Ok(true)),
            ("DELETE", "/a", Ok(true)),
            // An earlier rule counts, as it does for the request itself.
            ("GET", "/a", Ok(false)),
            ("HEAD", "/a", Ok(false)),
            ("HEAD", "/b", Ok(true)),
            ("put", "/a", Err(NoRule::Unmatched)),
            ("PATCH", "/a", Err(NoRule::Unmatched)),
            ("PUT", "/b", Err(NoRule::Unmatched)),
            ("PUT", "/x/../a", Err(NoRule::Ambiguous)),
        ] {
            assert_eq!(routes.allow_preflight(method, target), allowed, "{method} {target}");
        }
        assert_eq!(Routes::built_in().unwrap().allow_preflight("GET", "/api/scans"), Ok(false));
    }
}
