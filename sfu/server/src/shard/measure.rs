//! What a shard measures of itself: for the metrics, and to shed load.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::Shard;
use crate::load::Measured;
use crate::stats::Snapshot;

/// Between two looks at all subscribers' estimates, for the metrics.
const ESTIMATES: Duration = Duration::from_secs(1);

/// What rises and falls.
#[derive(Clone, Copy, Default)]
pub(super) struct Gauges {
    peers: u64,
    tracks: u64,
    shed_level: u64,
    busy_permille: u64,
    estimate_bps: u64,
    estimates: u64,
    tcp_connections: u64,
}

impl Shard {
    /// Sheds more load, or less, if it is time to look.
    pub(super) fn judge(&mut self) {
        let now = Instant::now();
        if !self.load.is_due(now) {
            return;
        }
        let measured = self.measure();
        let shed = self.load.judge(now, measured);
        let (gauges, _) = &mut self.gauges;
        gauges.shed_level = shed.0.into();
        gauges.busy_permille = self.load.busy_permille();
        if now >= self.estimated_at + ESTIMATES {
            self.estimated_at = now;
            (gauges.estimate_bps, gauges.estimates) = self.core.estimates();
        }
        if shed != self.core.shed() {
            tracing::info!(
                level = shed.0,
                busy_permille = self.load.busy_permille(),
                "load is shed at another level"
            );
            self.core.handle_shed(now, shed, &mut self.sessions);
            self.settle();
        }
    }

    fn measure(&mut self) -> Measured {
        let backlogs = self
            .sockets
            .iter()
            .filter_map(|socket| socket.get_ref().backlog().ok());
        let (mut backlog, mut dropped) = (0f64, 0u32);
        for socket in backlogs {
            backlog = backlog.max(f64::from(socket.waiting) / f64::from(socket.capacity.max(1)));
            dropped = dropped.wrapping_add(socket.dropped);
        }
        let new = dropped.wrapping_sub(self.dropped);
        self.dropped = dropped;
        self.sessions.counted.receive_overflow += u64::from(new);
        let cpu = cpu_time();
        let worked = cpu.saturating_sub(std::mem::replace(&mut self.cpu, cpu));
        Measured {
            backlog,
            dropped: new,
            received: std::mem::take(&mut self.received),
            worked,
        }
    }

    pub(super) fn count(&mut self) {
        let core = self.core.take_counters();
        self.received += core.audio_in + core.video_in;
        if !std::mem::replace(&mut self.is_recounted, true) {
            let mirrors = self.sessions.relay.mirror_count();
            let (gauges, _) = &mut self.gauges;
            gauges.peers = to_u64(self.core.peer_count().saturating_sub(mirrors));
            gauges.tracks = to_u64(self.core.track_count());
        }
        self.gauges.0.tcp_connections = to_u64(self.sessions.tcp.count());
        let gauges = self.gauges.0;
        let told = std::mem::replace(&mut self.gauges, (gauges, gauges)).1;
        let delta = Snapshot {
            rtp_in_audio: core.audio_in,
            rtp_in_video: core.video_in,
            rtp_lost: core.lost,
            nack_out: core.nack_out,
            nack_in: core.nack_in,
            pli_out: core.keyframe_out,
            pli_in: core.keyframe_in,
            paced: core.paced,
            paced_dropped: core.paced_dropped,
            probe_out: core.probe_out,
            frames_refused: core.refused,
            peers: gauges.peers.wrapping_sub(told.peers),
            tracks: gauges.tracks.wrapping_sub(told.tracks),
            shed_level: gauges.shed_level.wrapping_sub(told.shed_level),
            busy_permille: gauges.busy_permille.wrapping_sub(told.busy_permille),
            estimate_bps: gauges.estimate_bps.wrapping_sub(told.estimate_bps),
            estimates: gauges.estimates.wrapping_sub(told.estimates),
            tcp_connections: gauges.tcp_connections.wrapping_sub(told.tcp_connections),
            tcp_accepted: std::mem::take(&mut self.sessions.tcp.accepted),
            relayed: std::mem::take(&mut self.sessions.relay.relayed),
            relay_dropped: std::mem::take(&mut self.sessions.relay.dropped),
            ..std::mem::take(&mut self.sessions.counted)
        };
        let delta = Snapshot {
            datagrams_dropped: delta.datagrams_dropped + core.unusable,
            ..delta
        };
        let forwarded = delta.rtp_out_audio + delta.rtp_out_video;
        if forwarded > 0 {
            self.forwarded.fetch_add(forwarded, Ordering::Relaxed);
        }
        self.stats.add(&delta);
    }
}

/// CPU time this thread took since it began.
pub(super) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or_default())
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
