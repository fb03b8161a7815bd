//! Finds the stream of an incoming packet: by its SSRC, else once by MID and RID or by payload type.

use crate::layer::MAX_SPATIAL;

/// Most SSRCs a peer's packets may come from: media and retransmissions of each encoding. More are not learned.
const MAX_ROUTES: usize = 2 * MAX_SPATIAL * conclave_wire::limits::MAX_TRACKS_PER_PARTICIPANT;

/// Where a packet belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Index of the section that publishes it.
    pub(crate) line: usize,
    /// Index of the encoding.
    pub(crate) encoding: u8,
    /// Whether the SSRC carries the encoding's retransmissions.
    pub(crate) rtx: bool,
}

/// The SSRCs of one peer. They stay when a track ends: browsers name a stream's section and encoding only until they
/// know that we know.
#[derive(Default)]
pub(crate) struct RouteTable(Vec<(u32, Route)>);

impl RouteTable {
    pub(crate) fn find(&self, ssrc: u32) -> Option<Route> {
        self.0
            .iter()
            .find(|(known, _)| *known == ssrc)
            .map(|(_, route)| *route)
    }

    /// The SSRC of an encoding's media or retransmissions.
    pub(crate) fn ssrc_of(&self, route: Route) -> Option<u32> {
        self.0
            .iter()
            .find(|(_, known)| *known == route)
            .map(|(ssrc, _)| *ssrc)
    }

    /// Routes `ssrc`, in place of the SSRC that was routed there before.
    pub(crate) fn insert(&mut self, ssrc: u32, route: Route) {
        self.0.retain(|(known, to)| *known != ssrc && *to != route);
        if self.0.len() < MAX_ROUTES {
            self.0.push((ssrc, route));
        }
    }

    /// Forgets a section, which is used for something else from now on.
    pub(crate) fn remove_line(&mut self, line: usize) {
        self.0.retain(|(_, route)| route.line != line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn media(line: usize, encoding: u8) -> Route {
        Route {
            line,
            encoding,
            rtx: false,
        }
    }

    #[test]
    fn a_new_ssrc_takes_the_place_of_the_old_one() {
        let mut table = RouteTable::default();
        let rtx = Route {
            rtx: true,
            ..media(3, 0)
        };
        table.insert(1, media(3, 0));
        table.insert(2, rtx);
        table.insert(3, media(3, 1));
        table.insert(9, media(3, 0));
        assert_eq!(table.find(1), None);
        assert_eq!(table.find(9), Some(media(3, 0)));
        assert_eq!(table.ssrc_of(media(3, 0)), Some(9));
        table.remove_line(3);
        assert_eq!([9, 2, 3].map(|ssrc| table.find(ssrc)), [None; 3]);
    }

    #[test]
    fn the_table_is_bounded() {
        let mut table = RouteTable::default();
        for ssrc in 0..100 {
            table.insert(ssrc, media(usize::try_from(ssrc).unwrap(), 0));
        }
        assert_eq!(table.0.len(), MAX_ROUTES);
    }
}
