use std::net::{IpAddr, SocketAddr};

use crate::AllowedNetworks;

/// Who sent a request: the peer or, if that is a trusted proxy, what it says in the lines of `X-Forwarded-For`.
///
/// The lines are read from the right, past the trusted proxies; what a client made up stands left of what decides, and
/// is not looked at. If all are trusted, it is the one farthest from us. `None` when there is nothing that decides, or
/// when that can't be read: a proxy's own address must not stand in for the address of somebody unknown.
pub fn client_address<'a, L>(peer: IpAddr, lines: L, trusted: Option<&AllowedNetworks>) -> Option<IpAddr>
where
    L: IntoIterator<Item = &'a [u8]>,
    L::IntoIter: DoubleEndedIterator,
{
    let Some(trusted) = trusted.filter(|trusted| trusted.allow(peer)) else { return Some(peer.to_canonical()) };
    let mut farthest = None;
    for hop in lines.into_iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
        let address = read_address(std::str::from_utf8(hop).ok()?.trim_matches([' ', '\t']))?;
        if !trusted.allow(address) {
            return Some(address);
        }
        farthest = Some(address);
    }
    farthest
}

/// An address as proxies and servers write it: alone, in brackets, or with a port. An IPv4 address that is mapped into
/// IPv6 is read as IPv4. A zone (`fe80::1%eth0`) means something on one machine only, and is refused.
pub fn read_address(text: &str) -> Option<IpAddr> {
    if text.contains('%') {
        return None;
    }
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let address = text.parse().ok().or_else(bracketed);
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, lines: &[&[u8]], trusted: Option<&str>) -> Option<String> {
        let trusted = trusted.map(|network| AllowedNetworks::new([network]).unwrap());
        let address = client_address(peer.parse().unwrap(), lines.iter().copied(), trusted.as_ref());
        address.map(|address| address.to_string())
    }

    fn through_proxies(lines: &[&[u8]]) -> Option<String> {
        from("10.0.0.1", lines, Some("10.0.0.0/8"))
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(from("203.0.113.9", &[b"1.2.3.4"], None).unwrap(), "203.0.113.9");
        assert_eq!(from("203.0.113.9", &[b"1.2.3.4"], Some("10.0.0.0/8")).unwrap(), "203.0.113.9");
        assert_eq!(from("::ffff:203.0.113.9", &[b"\xff"], Some("10.0.0.0/8")).unwrap(), "203.0.113.9");
        assert_eq!(through_proxies(&[b"1.2.3.4"]).unwrap(), "1.2.3.4");
        assert_eq!(from("::ffff:10.0.0.1", &[b"1.2.3.4"], Some("10.0.0.0/8")).unwrap(), "1.2.3.4");
    }

    #[test]
    fn the_last_that_is_no_proxy_decides() {
        // What the client itself sent stands left of what the proxy added, and may be anything.
        for made_up in [&b"6.6.6.6"[..], b"unknown", b"", b"\xc3\xa9", b"\xff\xfe", b"10.0.0.9", b"6.6.6.6,,", b"%"] {
            let line = [made_up, b", 1.2.3.4, 10.0.0.2:443"].concat();
            assert_eq!(through_proxies(&[&line]).unwrap(), "1.2.3.4", "{made_up:?}");
            assert_eq!(through_proxies(&[made_up, b"1.2.3.4"]).unwrap(), "1.2.3.4", "{made_up:?}");
        }
        assert_eq!(through_proxies(&[b"10.0.0.7, 10.0.0.2"]).unwrap(), "10.0.0.7", "somebody inside");
    }

    #[test]
    fn what_cannot_be_read_is_no_address() {
        for line in [
            &b""[..],
            b" ",
            b",",
            b" , ,",
            b"unknown",
            b"_hidden",
            b"6.6.6.6, unknown",
            b"6.6.6.6, ",
            b"1.2.3.4:",
            b"1.2.3.4:99999",
            b"1.2.3.4:http",
            b"1.2.3",
            b"1.2.3.4.5",
            b"010.0.0.1",
            b"[1.2.3.4]",
            b"[2001:db8::9",
            b"2001:db8::9]:443",
            b"[2001:db8::9]443",
            b"[2001:db8::9]:",
            b"2001:db8::g",
            b"fe80::1%eth0",
            b"[fe80::1%2]:80",
            b"\"1.2.3.4\"",
            b"for=1.2.3.4",
            b"1.2.3.4 5.6.7.8",
            b"1.2.3.4;5.6.7.8",
            b"1.2.3.4\xa0",
            b"\xc3\xa9",
            b"6.6.6.6, \xff, 10.0.0.2",
            b"unix:",
            b"http://1.2.3.4",
            b"10.0.0.2, x, 10.0.0.3",
        ] {
            assert_eq!(through_proxies(&[line]), None, "{}", String::from_utf8_lossy(line));
            assert_eq!(through_proxies(&[b"6.6.6.6", line]), None, "{}", String::from_utf8_lossy(line));
        }
        assert_eq!(through_proxies(&[]), None, "a proxy that says nothing");
    }

    #[test]
    fn ports_and_brackets_are_read() {
        for (text, read) in [
            ("198.51.100.1:4444", "198.51.100.1"),
            ("[2001:db8::9]:443", "2001:db8::9"),
            ("[2001:db8::9]", "2001:db8::9"),
            ("2001:DB8::9", "2001:db8::9"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
            ("[::ffff:198.51.100.1]:443", "198.51.100.1"),
        ] {
            assert_eq!(read_address(text).unwrap().to_string(), read);
            assert_eq!(through_proxies(&[format!("6.6.6.6,\t{text} ").as_bytes()]).unwrap(), read);
        }
    }
}
