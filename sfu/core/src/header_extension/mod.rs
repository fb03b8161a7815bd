//! The RTP header extensions the SFU knows (RFC 8285): one file and one line of the registry each.
//!
//! What a publisher's packet carries is read by the extension's own file. Only what [`HeaderExtension::subscribe`]
//! names is ever sent on, with values of our own.

use conclave_transport::rtp::RtpView;

/// What negotiation has to know of an extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeaderExtension {
    /// Its name in `a=extmap`.
    pub(crate) uri: &'static str,
    /// Whether publishers are asked to send it.
    pub(crate) publish: bool,
    /// Whether subscribers are sent it.
    pub(crate) subscribe: bool,
}

macro_rules! registry {
    ($($name:ident = $module:ident;)*) => {
        $(pub(crate) mod $module;)*

        /// An extension of the registry.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Known {
            $($name,)*
        }

        /// All extensions, in the order answers list them.
        pub(crate) const REGISTRY: &[(Known, HeaderExtension)] = &[$((Known::$name, $module::EXTENSION),)*];
    };
}

registry! {
    Mid = mid;
    Rid = rid;
    RepairedRid = repaired_rid;
    TransportCc = transport_cc;
    AbsSendTime = abs_send_time;
    VideoLayersAllocation = video_layers_allocation;
    DependencyDescriptor = dependency_descriptor;
}

/// Header extension ids of one section, as the offerer numbered them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionIds([Option<u8>; REGISTRY.len()]);

impl ExtensionIds {
    /// The id of an extension; `None`: it is not in use.
    pub(crate) fn id(&self, known: Known) -> Option<u8> {
        self.0.get(known as usize).copied().flatten()
    }

    pub(crate) fn set(&mut self, known: Known, id: Option<u8>) {
        if let Some(place) = self.0.get_mut(known as usize) {
            *place = id;
        }
    }

    /// Notes an `a=extmap` value; what the registry does not know is ignored, and so is a second id.
    pub(crate) fn offer(&mut self, id: u8, uri: &str) {
        let found = REGISTRY.iter().find(|(_, extension)| extension.uri == uri);
        if let Some((known, _)) = found
            && self.id(*known).is_none()
        {
            self.set(*known, Some(id));
        }
    }

    /// Takes over ids that are not set yet.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.or(theirs);
        }
    }

    /// Only what `keep` says.
    pub(crate) fn filtered(mut self, keep: impl Fn(&HeaderExtension) -> bool) -> Self {
        for (known, extension) in REGISTRY {
            if !keep(extension) {
                self.set(*known, None);
            }
        }
        self
    }

    /// Ids and URIs in use.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, &'static str)> {
        let ids = REGISTRY.iter();
        ids.filter_map(|(known, extension)| Some((self.id(*known)?, extension.uri)))
    }

    /// The data a packet carries for an extension.
    pub(crate) fn find<'a>(&self, known: Known, view: &RtpView<'a>) -> Option<&'a [u8]> {
        view.extension(self.id(known)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_first_offer_of_a_known_uri() {
        let mut ids = ExtensionIds::default();
        ids.offer(3, transport_cc::EXTENSION.uri);
        ids.offer(4, transport_cc::EXTENSION.uri);
        ids.offer(5, "urn:ietf:params:rtp-hdrext:ssrc-audio-level");
        assert_eq!(ids.id(Known::TransportCc), Some(3));
        assert_eq!(ids.iter().count(), 1);
        assert_eq!(ids.filtered(|extension| !extension.publish).iter().count(), 0);
    }

    #[test]
    fn the_registry_is_in_the_order_of_its_names() {
        for (index, (known, _)) in REGISTRY.iter().enumerate() {
            assert_eq!(*known as usize, index);
        }
    }
}
