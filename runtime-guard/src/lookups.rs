//! Addresses that allowed name look-ups returned.
//!
//! `--allow-domain` names hosts, but programs connect to addresses. What an allowed look-up
//! returned is remembered with the name it was asked for, and a connection to the address is
//! judged as one to the name.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use hermetic_policy::Host;

/// As many addresses as are remembered; the oldest go first.
const MOST: usize = 4096;
/// As many names as are remembered for one address.
const MOST_NAMES: usize = 16;

/// Names by address.
#[derive(Debug, Default)]
pub struct Lookups {
    names: BTreeMap<IpAddr, Vec<Host>>,
    order: VecDeque<IpAddr>,
}

impl Lookups {
    /// Nothing remembered.
    pub const fn new() -> Self {
        Self { names: BTreeMap::new(), order: VecDeque::new() }
    }

    /// Remember that looking up `host` gave `address`.
    pub fn remember(&mut self, host: &Host, address: IpAddr) {
        // The one spelling of an address: IPv4 inside IPv6 becomes IPv4.
        let address = Host::from(address).address().unwrap_or(address);
        if !self.names.contains_key(&address) {
            if self.order.len() >= MOST
                && let Some(oldest) = self.order.pop_front()
            {
                self.names.remove(&oldest);
            }
            self.order.push_back(address);
        }
        let names = self.names.entry(address).or_default();
        if !names.contains(host) {
            if names.len() >= MOST_NAMES {
                names.remove(0);
            }
            names.push(host.clone());
        }
    }

    /// The names whose look-up gave the address.
    pub fn names(&self, address: IpAddr) -> &[Host] {
        self.names.get(&address).map_or(&[], Vec::as_slice)
    }
}

static LOOKUPS: Mutex<Lookups> = Mutex::new(Lookups::new());

/// Remember that an allowed look-up of `host` gave `addresses`.
pub fn remember(host: &Host, addresses: impl IntoIterator<Item = IpAddr>) {
    let mut lookups = LOOKUPS.lock().unwrap_or_else(PoisonError::into_inner);
    for address in addresses {
        lookups.remember(host, address);
    }
}

/// The names whose allowed look-up gave the address.
pub fn names_of(address: IpAddr) -> Vec<Host> {
    LOOKUPS.lock().unwrap_or_else(PoisonError::into_inner).names(address).to_vec()
}

/// Forget everything: no policy is open.
pub fn forget() {
    *LOOKUPS.lock().unwrap_or_else(PoisonError::into_inner) = Lookups::new();
}

#[cfg(test)]
mod tests {
    use super::{Lookups, MOST};
    use hermetic_policy::Host;
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn an_address_keeps_its_names_and_memory_is_bounded() {
        let mut lookups = Lookups::new();
        let [one, two] = ["a.example", "b.example"].map(|name| Host::parse(name).unwrap());
        let first = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        lookups.remember(&one, first);
        lookups.remember(&two, "::ffff:192.0.2.1".parse().unwrap());
        lookups.remember(&one, first);
        assert_eq!(lookups.names(first), [one.clone(), two]);
        for number in 0..MOST {
            let number = u32::try_from(number).unwrap();
            lookups.remember(&one, IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)));
        }
        assert!(lookups.names(first).is_empty());
        assert!(lookups.order.len() == MOST && lookups.names.len() == MOST);
    }
}
