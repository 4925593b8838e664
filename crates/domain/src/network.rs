use std::{fmt, net::IpAddr};

use ipnet::{IpNet, Ipv4Net};
use thiserror::Error;

/// Networks that a token may be used from: up to 50 in CIDR notation (RFC 4632, RFC 4291). Empty means everywhere.
///
/// IPv4 is always written as IPv4, as addresses are before they are compared; an IPv6 network has no IPv4 in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedNetworks(Vec<IpNet>);

/// Why a list of networks was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NetworkError {
    /// Not an address or network.
    #[error("{0:?} is not a network such as 192.0.2.0/24 or 2001:db8::/32")]
    Form(String),
    /// Part of IPv4, and something beside it that is no address of anything.
    #[error("{0:?} is IPv4 written as IPv6 with a prefix shorter than /96; write it as IPv4, such as 192.0.2.0/24")]
    Mapped(String),
    /// A form of IPv4 in IPv6 that nothing connects from (RFC 4291, section 2.5.5.1).
    #[error("{0:?} is an IPv4-compatible IPv6 address, which nothing uses; write it as IPv4, such as 192.0.2.0/24")]
    Compatible(String),
    /// See [`AllowedNetworks::MAX`].
    #[error("at most 50 networks")]
    TooMany,
}

impl AllowedNetworks {
    /// Most networks that one token can list.
    pub const MAX: usize = 50;

    /// Reads networks and single addresses.
    pub fn new<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, NetworkError> {
        let mut networks = Vec::new();
        for text in texts {
            let text = text.as_ref().trim();
            let told = || text.chars().take(60).collect();
            let network = read(text).ok_or_else(|| NetworkError::Form(told()))?;
            if let IpNet::V6(v6) = network {
                let address = v6.addr();
                if address.to_ipv4_mapped().is_some() && v6.prefix_len() < 96 {
                    return Err(NetworkError::Mapped(told()));
                }
                // All but `::` and `::1`.
                if address.segments()[..6] == [0; 6] && v6.prefix_len() >= 96 && u128::from(address) > 1 {
                    return Err(NetworkError::Compatible(told()));
                }
            }
            let network = canonical(network);
            if !networks.contains(&network) {
                networks.push(network);
            }
            if networks.len() > Self::MAX {
                return Err(NetworkError::TooMany);
            }
        }
        Ok(Self(networks))
    }

    /// Reads what `Display` wrote, now or in an earlier release; a damaged row allows nothing rather than everything.
    pub fn stored(text: &str) -> Self {
        let networks: Option<_> = text.split_ascii_whitespace().map(|text| read(text).map(canonical)).collect();
        Self(networks.unwrap_or_else(|| vec![IpNet::from(IpAddr::from([255; 4]))]))
    }

    /// Whether a request from `address` is let in. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn allow(&self, address: IpAddr) -> bool {
        self.0.is_empty() || self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// Whether everything that `other` lets in is let in by this.
    pub fn contains(&self, other: &Self) -> bool {
        // Merged, because a network may lie in two others together.
        let merged = IpNet::aggregate(&self.0);
        let within = |theirs: &IpNet| merged.iter().any(|mine| mine.contains(theirs));
        self.0.is_empty() || (!other.0.is_empty() && other.0.iter().all(within))
    }

    /// No restriction.
    pub fn is_everywhere(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order given.
    pub fn iter(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(IpNet::to_string)
    }
}

impl fmt::Display for AllowedNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, network) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            network.fmt(f)?;
        }
        Ok(())
    }
}

fn read(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: IpAddr| address.into()))
}

/// The one form of a network: without bits beyond its prefix, and IPv4 that is mapped into IPv6 as IPv4.
fn canonical(network: IpNet) -> IpNet {
    let mapped = || match network {
        IpNet::V6(v6) => Ipv4Net::new(v6.addr().to_ipv4_mapped()?, v6.prefix_len().checked_sub(96)?).ok(),
        IpNet::V4(_) => None,
    };
    mapped().map_or(network, IpNet::V4).trunc()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lets_in_what_is_listed() {
        let networks = AllowedNetworks::new(["192.0.2.77/24", "2001:db8::/32", "198.51.100.7"]).unwrap();
        assert_eq!(networks.to_string(), "192.0.2.0/24 2001:db8::/32 198.51.100.7/32");
        for (address, allowed) in [
            ("192.0.2.1", true),
            ("::ffff:192.0.2.1", true),
            ("192.0.3.1", false),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
            ("198.51.100.7", true),
        ] {
            assert_eq!(networks.allow(address.parse().unwrap()), allowed, "{address}");
        }
        assert_eq!(AllowedNetworks::stored(&networks.to_string()), networks);
    }

    #[test]
    fn containment() {
        let wide = AllowedNetworks::new(["10.0.0.0/8"]).unwrap();
        let narrow = AllowedNetworks::new(["10.1.0.0/16"]).unwrap();
        let everywhere = AllowedNetworks::default();
        assert!(wide.contains(&narrow) && everywhere.contains(&wide));
        assert!(!narrow.contains(&wide) && !wide.contains(&everywhere));
        let halves = AllowedNetworks::new(["10.0.0.0/9", "10.128.0.0/9"]).unwrap();
        assert!(halves.contains(&wide) && wide.contains(&halves));
    }

    #[test]
    fn refuses_what_is_no_network() {
        assert!(AllowedNetworks::new(["10.0.0.0/33"]).is_err() && AllowedNetworks::new(["example.com"]).is_err());
        let many = (0..51).map(|number| format!("10.0.0.{number}"));
        assert_eq!(AllowedNetworks::new(many), Err(NetworkError::TooMany));
    }

    #[test]
    fn ipv4_has_one_form() {
        for (given, shown, inside) in [
            ("::ffff:203.0.113.0/120", "203.0.113.0/24", "203.0.113.77"),
            ("::FFFF:203.0.113.77/120", "203.0.113.0/24", "::ffff:203.0.113.1"),
            ("::ffff:cb00:7100/120", "203.0.113.0/24", "203.0.113.1"),
            ("0:0:0:0:0:ffff:1.2.3.4", "1.2.3.4/32", "1.2.3.4"),
            ("::ffff:1.2.3.4/128", "1.2.3.4/32", "::ffff:1.2.3.4"),
            ("::ffff:0:0/96", "0.0.0.0/0", "8.8.8.8"),
            ("1.2.3.4/0", "0.0.0.0/0", "8.8.8.8"),
            ("::1", "::1/128", "::1"),
            ("2001:DB8:0::1/32", "2001:db8::/32", "2001:db8::9"),
        ] {
            let networks = AllowedNetworks::new([given]).unwrap();
            assert_eq!(networks.to_string(), shown, "{given}");
            assert!(networks.allow(inside.parse().unwrap()), "{given}");
            assert_eq!(AllowedNetworks::stored(given), networks);
        }
        let twice = AllowedNetworks::new(["203.0.113.0/24", "::ffff:203.0.113.9/120"]).unwrap();
        assert_eq!(twice.to_string(), "203.0.113.0/24");
        for mapped in ["::ffff:203.0.113.0/95", "::ffff:1.2.3.4/64", "::ffff:0:0/0"] {
            assert_eq!(AllowedNetworks::new([mapped]), Err(NetworkError::Mapped(mapped.to_owned())));
        }
        for compatible in ["::1.2.3.4", "::203.0.113.0/120", "::2"] {
            assert_eq!(AllowedNetworks::new([compatible]), Err(NetworkError::Compatible(compatible.to_owned())));
        }
        // A row of before is worth what it can be.
        let stored = AllowedNetworks::stored("::102:304/128 10.0.0.0/8");
        assert!(stored.allow("10.1.1.1".parse().unwrap()) && !stored.allow("8.8.8.8".parse().unwrap()));
        // All of IPv6 is not all.
        assert!(!AllowedNetworks::new(["::/0"]).unwrap().allow("1.2.3.4".parse().unwrap()));
    }

    #[test]
    fn unusual_forms_are_refused() {
        for bad in [
            "fe80::1%eth0",
            "fe80::%1/64",
            "010.0.0.1",
            "10.0.0.1/",
            "10.0.0/8",
            "0x7f.1",
            "1.2.3.4/33",
            "::/129",
            "[::1]",
            "1.2.3.4:80",
            "",
        ] {
            assert!(matches!(AllowedNetworks::new([bad]), Err(NetworkError::Form(_))), "{bad}");
            assert!(!AllowedNetworks::stored(&format!("x{bad}")).is_everywhere());
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_what_matches(address: u32, prefix in 0..=32_u8, other: u32) {
            let (v4, other) = (Ipv4Addr::from(address), Ipv4Addr::from(other));
            let plain = AllowedNetworks::new([format!("{v4}/{prefix}")]).unwrap();
            let mapped = AllowedNetworks::new([format!("{}/{}", v4.to_ipv6_mapped(), prefix + 96)]).unwrap();
            prop_assert_eq!(&plain, &mapped);
            prop_assert_eq!(&AllowedNetworks::new(plain.iter()).unwrap(), &plain);
            for asked in [IpAddr::from(other), IpAddr::from(other.to_ipv6_mapped()), IpAddr::from(v4)] {
                prop_assert_eq!(plain.allow(asked), mapped.allow(asked));
            }
            prop_assert!(plain.allow(IpAddr::from(v4.to_ipv6_mapped())));
        }
    }
}
