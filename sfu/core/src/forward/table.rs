//! Finds the track of an incoming packet: by its SSRC, else once by MID or payload type.

/// Most SSRCs a peer's packets may come from: media and retransmissions of each source. More are not learned.
const MAX_ROUTES: usize = 2 * conclave_wire::limits::MAX_TRACKS_PER_PARTICIPANT;

/// Where a packet belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Index of the track in its room.
    pub(crate) track: usize,
    /// Whether the SSRC carries the track's retransmissions.
    pub(crate) rtx: bool,
}

/// The SSRCs of one peer.
#[derive(Default)]
pub(crate) struct RouteTable(Vec<(u32, Route)>);

impl RouteTable {
    pub(crate) fn find(&self, ssrc: u32) -> Option<Route> {
        self.0
            .iter()
            .find(|(known, _)| *known == ssrc)
            .map(|(_, route)| *route)
    }

    /// The SSRC of a track's media or retransmissions.
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

    pub(crate) fn remove_track(&mut self, track: usize) {
        self.0.retain(|(_, route)| route.track != track);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_ssrc_takes_the_place_of_the_old_one() {
        let mut table = RouteTable::default();
        let media = Route { track: 3, rtx: false };
        table.insert(1, media);
        table.insert(2, Route { track: 3, rtx: true });
        table.insert(9, media);
        assert_eq!(table.find(1), None);
        assert_eq!(table.find(9), Some(media));
        assert_eq!(table.ssrc_of(media), Some(9));
        table.remove_track(3);
        assert_eq!((table.find(9), table.find(2)), (None, None));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut table = RouteTable::default();
        for ssrc in 0..100 {
            table.insert(
                ssrc,
                Route {
                    track: usize::try_from(ssrc).unwrap(),
                    rtx: false,
                },
            );
        }
        assert_eq!(table.0.len(), MAX_ROUTES);
    }
}
