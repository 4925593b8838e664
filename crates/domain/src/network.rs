use std::{fmt, net::IpAddr};

use ipnet::IpNet;
use thiserror::Error;

/// Networks that a token may be used from: up to 50 in CIDR notation (RFC 4632, RFC 4291). Empty means everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedNetworks(Vec<IpNet>);

/// Why a list of networks was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NetworkError {
    /// Not an address or network.
    #[error("{0:?} is not a network such as 192.0.2.0/24 or 2001:db8::/32")]
    Form(String),
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
            let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            let network = network.map_err(|_| NetworkError::Form(text.chars().take(60).collect()))?.trunc();
            if !networks.contains(&network) {
                networks.push(network);
            }
            if networks.len() > Self::MAX {
                return Err(NetworkError::TooMany);
            }
        }
        Ok(Self(networks))
    }

    /// Reads what `Display` wrote; a damaged row allows nothing rather than everything.
    pub fn stored(text: &str) -> Self {
        Self::new(text.split_ascii_whitespace()).unwrap_or_else(|_| Self(vec![IpNet::from(IpAddr::from([255; 4]))]))
    }

    /// Whether a request from `address` is let in. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn allow(&self, address: IpAddr) -> bool {
        self.0.is_empty() || self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// Whether everything that `other` lets in is let in by this.
    pub fn contains(&self, other: &Self) -> bool {
        self.0.is_empty()
            || (!other.0.is_empty() && other.0.iter().all(|theirs| self.0.iter().any(|mine| mine.contains(theirs))))
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

#[cfg(test)]
mod tests {
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
    }

    #[test]
    fn refuses_what_is_no_network() {
        assert!(AllowedNetworks::new(["10.0.0.0/33"]).is_err() && AllowedNetworks::new(["example.com"]).is_err());
        let many = (0..51).map(|number| format!("10.0.0.{number}"));
        assert_eq!(AllowedNetworks::new(many), Err(NetworkError::TooMany));
    }
}
