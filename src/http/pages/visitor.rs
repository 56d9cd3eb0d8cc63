//! Somebody whom we do not know: told apart from others by the network that they call from.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::HttpRequest;

use crate::ids::PartnerId;

/// A stranger at the pages of one partner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Visitor {
    partner: PartnerId,
    /// `None` where the connection has no address.
    network: Option<IpAddr>,
}

impl Visitor {
    /// By the address of the connection. Headers that a proxy adds are not believed, because anybody
    /// can send them: behind a proxy all strangers are one.
    pub fn of(request: &HttpRequest, partner: &PartnerId) -> Self {
        Self { partner: partner.clone(), network: caller_network(request) }
    }

    /// The network as a text; empty where there is none.
    pub fn network(&self) -> String {
        self.network.map_or_else(String::new, |network| network.to_string())
    }
}

/// The network of whoever calls, as a text; empty where the connection has no address.
pub fn network(request: &HttpRequest) -> String {
    caller_network(request).map_or_else(String::new, |network| network.to_string())
}

fn caller_network(request: &HttpRequest) -> Option<IpAddr> {
    request.peer_addr().map(|peer| network_of(peer.ip()))
}

/// An IPv4 address, or the /64 of an IPv6 address, which one household has to itself.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = u128::from(address) & (u128::MAX << 64_u32);
            IpAddr::V6(Ipv6Addr::from(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_is_one_network() {
        let network = |text: &str| network_of(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
