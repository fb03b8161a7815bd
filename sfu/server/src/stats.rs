//! Counters of the media plane, in the shape Prometheus wants. They never carry a room or a person.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident, $name:literal, $labels:literal, $kind:literal, $help:literal;)*) => {
        #[derive(Default)]
        struct Cells {
            $($field: AtomicU64,)*
        }

        /// A reading of all counters.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Snapshot {
            $($(#[$doc])* pub $field: u64,)*
        }

        impl Stats {
            /// Reads all counters.
            pub fn snapshot(&self) -> Snapshot {
                Snapshot { $($field: self.cells.$field.load(Ordering::Relaxed),)* }
            }

            /// Adds what a shard counted since its last report. A shard that goes below zero wraps, so that gauges can fall.
            pub(crate) fn add(&self, delta: &Snapshot) {
                $(if delta.$field != 0 {
                    self.cells.$field.fetch_add(delta.$field, Ordering::Relaxed);
                })*
            }

            /// Appends all counters in the Prometheus text format.
            pub fn render(&self, out: &mut String) {
                let mut family = "";
                $(
                    family = render_one(out, family, &Counter { name: $name, labels: $labels, kind: $kind, help: $help },
                        self.cells.$field.load(Ordering::Relaxed));
                )*
                debug_assert!(!family.is_empty());
            }
        }
    };
}

struct Counter {
    name: &'static str,
    labels: &'static str,
    kind: &'static str,
    help: &'static str,
}

/// Writes one value, with its family's head when the family is new; returns the family.
fn render_one(out: &mut String, family: &str, counter: &Counter, value: u64) -> &'static str {
    let Counter {
        name,
        labels,
        kind,
        help,
    } = counter;
    if family != *name {
        let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }
    let _ = writeln!(out, "{name}{labels} {value}");
    name
}

/// The counters of a running SFU, shared by its shards.
#[derive(Clone, Default)]
pub struct Stats {
    cells: Arc<Cells>,
}

counters! {
    /// RTP packets from publishers that were opened.
    rtp_in_audio, "conclave_rtp_packets_total", "{direction=\"in\",kind=\"audio\"}", "counter", "RTP packets, media and retransmissions.";
    /// As above, video.
    rtp_in_video, "conclave_rtp_packets_total", "{direction=\"in\",kind=\"video\"}", "counter", "RTP packets, media and retransmissions.";
    /// RTP packets sealed for subscribers.
    rtp_out_audio, "conclave_rtp_packets_total", "{direction=\"out\",kind=\"audio\"}", "counter", "RTP packets, media and retransmissions.";
    /// As above, video.
    rtp_out_video, "conclave_rtp_packets_total", "{direction=\"out\",kind=\"video\"}", "counter", "RTP packets, media and retransmissions.";
    /// Bytes of datagrams with RTP from publishers.
    rtp_bytes_in, "conclave_rtp_bytes_total", "{direction=\"in\"}", "counter", "Bytes of RTP, header and authentication tag included.";
    /// Bytes of datagrams with RTP to subscribers.
    rtp_bytes_out, "conclave_rtp_bytes_total", "{direction=\"out\"}", "counter", "Bytes of RTP, header and authentication tag included.";
    /// Packets of publishers that never arrived, found at the next report.
    rtp_lost, "conclave_rtp_lost_total", "", "counter", "RTP packets of publishers that never arrived.";
    /// NACKed packets: asked of publishers.
    nack_out, "conclave_nack_total", "{direction=\"out\"}", "counter", "Packets asked for again.";
    /// NACKed packets: asked by subscribers.
    nack_in, "conclave_nack_total", "{direction=\"in\"}", "counter", "Packets asked for again.";
    /// Key frames asked of publishers.
    pli_out, "conclave_pli_total", "{direction=\"out\"}", "counter", "Key frame requests.";
    /// Key frames asked by subscribers.
    pli_in, "conclave_pli_total", "{direction=\"in\"}", "counter", "Key frame requests.";
    /// Frames that were not SFrame or carried another leaf's KID.
    frames_refused, "conclave_frames_refused_total", "", "counter", "Frames of publishers that were not end-to-end encrypted as they must be.";
    /// Datagrams nobody could use: no session, failed authentication, malformed.
    datagrams_dropped, "conclave_datagrams_dropped_total", "", "counter", "Datagrams without a session, unauthentic or malformed.";
    /// Packets for subscribers that a full egress queue dropped.
    egress_dropped, "conclave_egress_dropped_total", "", "counter", "RTP packets dropped because a subscriber's queue was full.";
    /// Packets that waited in a subscriber's pacer.
    paced, "conclave_paced_packets_total", "", "counter", "Packets that waited so that a subscriber's burst did not exceed its path.";
    /// Packets a full pacer dropped.
    paced_dropped, "conclave_paced_dropped_total", "", "counter", "Packets that found no space to wait.";
    /// Packets of padding for probing.
    probe_out, "conclave_probe_packets_total", "", "counter", "Packets of padding sent to probe a subscriber's bandwidth.";
    /// Datagrams the sockets had no room for: the shard was late.
    receive_overflow, "conclave_receive_overflow_total", "", "counter", "Datagrams that arrived and found no space in a socket.";
    /// Levels of shedding, summed over the shards; 0 is none.
    shed_level, "conclave_shed_level", "", "gauge", "Load shed now, per shard: 0 none, 1 newcomers turned away, 5 no pictures.";
    /// Share of time the shards work, in thousandths, summed.
    busy_permille, "conclave_busy_permille", "", "gauge", "Thousandths of the last 200 ms in which shards worked, summed over the shards.";
    /// Estimates of all subscribers, summed, in bits per second.
    estimate_bps, "conclave_estimated_bits_per_second", "", "gauge", "Bandwidth estimated towards subscribers, summed.";
    /// Subscribers with an estimate.
    estimates, "conclave_estimates", "", "gauge", "Subscribers whose bandwidth is estimated.";
    /// Packets passed to other shards.
    relayed, "conclave_relayed_total", "", "counter", "Packets passed to other shards, once for each.";
    /// As above, dropped because the other shard's queue was full.
    relay_dropped, "conclave_relay_dropped_total", "", "counter", "Packets for another shard dropped because its queue was full.";
    /// TCP connections that were taken.
    tcp_accepted, "conclave_tcp_connections_total", "", "counter", "TCP connections for media that were taken.";
    /// TCP connections that are open now, those of strangers included.
    tcp_connections, "conclave_tcp_connections", "", "gauge", "TCP connections for media that are open.";
    /// Peers that exist now.
    peers, "conclave_peers", "", "gauge", "Peers with a transport.";
    /// Published tracks that exist now.
    tracks, "conclave_tracks", "", "gauge", "Published tracks.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_is_described_once_and_each_series_has_its_value() {
        let stats = Stats::default();
        stats.add(&Snapshot {
            rtp_in_video: 7,
            peers: 3,
            ..Snapshot::default()
        });
        stats.add(&Snapshot {
            peers: 2_u64.wrapping_neg(),
            ..Snapshot::default()
        });
        let mut text = String::new();
        stats.render(&mut text);
        assert_eq!(
            text.matches("# TYPE conclave_rtp_packets_total counter").count(),
            1
        );
        assert!(text.contains("conclave_rtp_packets_total{direction=\"in\",kind=\"video\"} 7\n"));
        assert!(text.contains("\nconclave_peers 1\n"));
        assert!(!text.contains("room") && !text.contains("user"));
    }
}
