//! One person in a call: what a browser sends and makes of what it receives.
//!
//! In: signaling messages, datagrams, time, the person's e2ee session. Out: datagrams and signaling messages, in
//! [`Person::datagrams`] and [`Person::messages`].

pub(crate) mod harm;
mod negotiation;
pub(crate) mod receiver;
mod sdp;
pub(crate) mod sender;

use std::collections::{BTreeMap, VecDeque};

use conclave_e2ee::{Codec, Context, Session};
use conclave_transport::rtcp::{RtcpEvent, RtcpWriter, events};
use conclave_transport::rtp::RtpView;
use conclave_wire::ClientMessage;
use conclave_wire::id::TrackId;
use conclave_wire::media::Track;
use rand::Rng as _;
use rand::rngs::StdRng;

use crate::world::Seat;
use crate::world::link::Conditions;
use harm::Harm;
use receiver::{Arrivals, AudioReceiver, VideoReceiver};
use sdp::Line;
use sender::camera::{Camera, Layout};
use sender::{ExtensionIds, Outgoing, Stream, Uplink, payload};

/// Round trip before one was measured, as in libwebrtc.
const ROUND_TRIP: u64 = 100_000;
/// Bytes of 20 ms of Opus at a constant rate.
const OPUS: usize = 80;
/// Time between two sender or receiver reports, in microseconds.
const REPORT: u64 = 1_000_000;
/// Media leaves this many times as fast as it is made.
const PACING: f64 = 2.5;
/// Seconds after which what is made has left.
const LONGEST_WAIT: f64 = 0.5;
/// Bits per second kept for sound.
const SOUND: f64 = 50_000.0;

/// How somebody comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) camera: Option<Layout>,
    pub(crate) microphone: bool,
    pub(crate) up: Conditions,
    pub(crate) down: Conditions,
    pub(crate) harm: Option<Harm>,
}

impl Setup {
    /// Microphone and camera on a good connection.
    pub(crate) const fn with(camera: Layout) -> Self {
        Self {
            camera: Some(camera),
            microphone: true,
            up: Conditions::good(),
            down: Conditions::good(),
            harm: None,
        }
    }

    /// Somebody who only watches and listens.
    pub(crate) const fn silent() -> Self {
        Self {
            camera: None,
            microphone: false,
            up: Conditions::good(),
            down: Conditions::good(),
            harm: None,
        }
    }

    /// Somebody who only watches, and does this.
    pub(crate) const fn harmful(harm: Harm) -> Self {
        Self {
            harm: Some(harm),
            ..Self::silent()
        }
    }

    pub(crate) const fn down(self, down: Conditions) -> Self {
        Self { down, ..self }
    }

    pub(crate) const fn up(self, up: Conditions) -> Self {
        Self { up, ..self }
    }
}

pub(crate) struct Person {
    pub(crate) seat: Option<Seat>,
    /// Since when there is a connection.
    pub(crate) connected: Option<u64>,
    harm: Option<Harm>,
    pub(crate) datagrams: Vec<Vec<u8>>,
    pub(crate) messages: Vec<ClientMessage>,
    /// When it could encrypt and decrypt for the first time, and since which epoch.
    pub(crate) admitted: Option<(u64, u64)>,
    ufrag: String,
    offers: u32,
    /// An offer is out, or another one is due when its answer came.
    offering: bool,
    changed: bool,
    lines: Vec<Line>,
    pub(crate) tracks: BTreeMap<TrackId, Track>,
    microphone: Option<Stream>,
    pub(crate) camera: Option<Camera>,
    /// One per encoding, once the camera was negotiated.
    pictures: Vec<Stream>,
    ids: ExtensionIds,
    transport_sequence: u16,
    pub(crate) uplink: Uplink,
    paced: VecDeque<Outgoing>,
    free: u64,
    pub(crate) videos: Vec<VideoReceiver>,
    pub(crate) audios: Vec<AudioReceiver>,
    arrivals: Arrivals,
    pub(crate) round_trip: u64,
    reported: u64,
    /// When key frames were asked of it.
    pub(crate) key_requests: Vec<u64>,
    /// What the screen shows small or not at all: height by track, the most important first.
    pub(crate) views: Vec<(TrackId, u16)>,
    /// Its own, so that what others do throws it no other dice.
    pub(crate) rng: StdRng,
    trace: bool,
}

impl Person {
    pub(crate) fn new(index: usize, setup: &Setup, trace: bool, mut rng: StdRng) -> Self {
        let base = 0x1000 * u32::try_from(index + 1).unwrap();
        let mut lines = Vec::new();
        let microphone = setup.microphone.then(|| {
            lines.push(Line::microphone(base));
            Stream::new(base, 0, 48_000, (rng.random(), rng.random()))
        });
        let mut pictures = Vec::new();
        let camera = setup.camera.map(|layout| {
            lines.push(Line::camera(layout, base));
            for (media, rtx) in Line::camera_ssrcs(base) {
                pictures.push(Stream::new(media, rtx, 90_000, (rng.random(), rng.random())));
            }
            Camera::new(layout, &mut rng)
        });
        Self {
            seat: None,
            connected: None,
            harm: setup.harm,
            datagrams: Vec::new(),
            messages: Vec::new(),
            admitted: None,
            ufrag: format!("user{index}"),
            offers: 0,
            offering: false,
            changed: false,
            lines,
            tracks: BTreeMap::new(),
            microphone,
            camera,
            pictures,
            ids: ExtensionIds::default(),
            transport_sequence: rng.random(),
            uplink: Uplink::new(),
            paced: VecDeque::new(),
            free: 0,
            videos: Vec::new(),
            audios: Vec::new(),
            arrivals: Arrivals::new(),
            round_trip: ROUND_TRIP,
            reported: 0,
            key_requests: Vec::new(),
            views: Vec::new(),
            rng,
            trace,
        }
    }

    /// 20 ms of sound.
    pub(crate) fn speak(&mut self, now: u64, session: &mut Session) {
        let Some(stream) = self
            .microphone
            .as_mut()
            .filter(|stream| self.connected.is_some() && stream.payload_type != 0)
        else {
            return;
        };
        let mut frame = Vec::new();
        if session
            .encrypt(Context::Microphone, Codec::Opus, &[7; OPUS], &mut frame)
            .is_ok()
        {
            let packet = stream.media(now, now, false, frame);
            self.emit(now, &packet);
        }
    }

    /// One picture.
    pub(crate) fn film(&mut self, now: u64, session: &mut Session) {
        // An encoder leaves pictures out while those before it wait.
        let behind = self.waiting() > self.uplink.rate() * PACING * LONGEST_WAIT;
        let ready = self.connected.is_some() && !behind && session.sending_epoch().is_some();
        let Some(camera) = self.camera.as_mut() else {
            return;
        };
        if !ready
            || self
                .pictures
                .first()
                .is_none_or(|stream| stream.payload_type == 0)
        {
            return;
        }
        let codec = if camera.layout == Layout::Svc {
            Codec::Vp9
        } else {
            Codec::Vp8
        };
        for encoded in camera.capture(now, self.uplink.rate() - SOUND, &mut self.rng) {
            let mut frame = Vec::new();
            if session
                .encrypt(Context::Camera, codec, &encoded.plain, &mut frame)
                .is_err()
            {
                continue;
            }
            let stream = &mut self.pictures[encoded.encoding];
            for payload in payload::packetize(camera.layout, &frame, &encoded.picture) {
                let packet = stream.media(now, now, payload.marker, payload.bytes);
                self.paced.push_back(packet);
            }
        }
        self.pace(now);
    }

    /// Sends what may leave now.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number of microseconds"
    )]
    pub(crate) fn pace(&mut self, now: u64) {
        // As a browser: what waits leaves within half a second, whatever the estimate.
        let rate = (self.uplink.rate() * PACING).max(self.waiting() / LONGEST_WAIT);
        self.free = self.free.max(now.saturating_sub(5_000));
        while self.free <= now
            && let Some(packet) = self.paced.pop_front()
        {
            let size = self.emit(now, &packet);
            self.free += (size as f64 * 8_000_000.0 / rate) as u64;
        }
    }

    /// Bits that wait to be sent.
    fn waiting(&self) -> f64 {
        let bytes: usize = self.paced.iter().map(|packet| packet.payload.len()).sum();
        8.0 * bytes as f64
    }

    /// When [`Self::pace`] has something to do.
    pub(crate) fn paces_at(&self) -> Option<u64> {
        (!self.paced.is_empty()).then_some(self.free)
    }

    fn emit(&mut self, now: u64, packet: &Outgoing) -> usize {
        let bytes = packet.write(&self.ids, self.transport_sequence);
        if packet.numbered {
            self.uplink.sent(now, self.transport_sequence, bytes.len());
            self.transport_sequence = self.transport_sequence.wrapping_add(1);
        }
        let size = bytes.len();
        self.datagrams.push(bytes);
        size
    }

    /// A plaintext RTP packet came.
    pub(crate) fn receive_rtp(&mut self, now: u64, packet: &[u8], session: &mut Session) {
        let Ok(view) = RtpView::parse(packet) else { return };
        let first_epoch = self.admitted.map_or(0, |(_, epoch)| epoch);
        let ssrc = view.ssrc();
        let audio = self.audios.iter_mut().find(|audio| audio.inbound.ssrc == ssrc);
        let video = self
            .videos
            .iter_mut()
            .find(|video| video.inbound.ssrc == ssrc || video.inbound.rtx_ssrc == ssrc);
        let inbound = match (&audio, &video) {
            (Some(audio), _) => audio.inbound,
            (_, Some(video)) => video.inbound,
            _ => return,
        };
        if let Some(&[high, low]) = inbound.transport_cc.and_then(|id| view.extension(id)) {
            self.arrivals
                .record(now, ssrc, u16::from_be_bytes([high, low]), packet.len());
        }
        match (audio, video) {
            (Some(audio), _) => audio.packet(now, &view, session, first_epoch),
            (_, Some(video)) => video.packet(now, &view, session, first_epoch),
            _ => {}
        }
    }

    /// A plaintext compound RTCP packet came.
    pub(crate) fn receive_rtcp(&mut self, now: u64, packet: &[u8]) {
        for event in events(packet) {
            match event.unwrap() {
                RtcpEvent::SenderReport(report) => {
                    for video in self
                        .videos
                        .iter_mut()
                        .filter(|video| video.inbound.ssrc == report.ssrc)
                    {
                        video.log.sender_report(now, report.ntp_time);
                    }
                    for audio in self
                        .audios
                        .iter_mut()
                        .filter(|audio| audio.inbound.ssrc == report.ssrc)
                    {
                        audio.log.sender_report(now, report.ntp_time);
                    }
                }
                RtcpEvent::Nack { media_ssrc, lost, .. } => {
                    let streams = self.pictures.iter_mut().chain(&mut self.microphone);
                    if let Some(stream) = streams.into_iter().find(|stream| stream.ssrc == media_ssrc) {
                        let again: Vec<Outgoing> = lost.filter_map(|lost| stream.again(now, lost)).collect();
                        for packet in again.into_iter().rev() {
                            self.paced.push_front(packet);
                        }
                    }
                }
                RtcpEvent::Pli { media_ssrc, .. } | RtcpEvent::Fir { media_ssrc, .. } => {
                    self.key_requests.push(now);
                    self.note(now, format_args!("is asked for a key frame of {media_ssrc:#x}"));
                    let index = self.pictures.iter().position(|stream| stream.ssrc == media_ssrc);
                    if let (Some(camera), Some(index)) = (&mut self.camera, index) {
                        camera.want_key_frame(index);
                    }
                }
                RtcpEvent::Twcc(feedback) => self.uplink.report(now, feedback.packets()),
                RtcpEvent::ReportBlock { block, .. } if block.last_sr != 0 => {
                    let middle = u32::try_from(((now << 32) / 1_000_000) >> 16 & 0xFFFF_FFFF).unwrap();
                    let passed = middle
                        .wrapping_sub(block.last_sr)
                        .wrapping_sub(block.delay_since_last_sr);
                    if passed < 10 << 16 {
                        self.round_trip = ((u64::from(passed) * 1_000_000) >> 16).max(10_000);
                    }
                }
                _ => {}
            }
        }
        self.pace(now);
    }

    /// Every few milliseconds: plays, shows, and says what is missing.
    pub(crate) fn tick(&mut self, now: u64, session: &mut Session) {
        let first_epoch = self.admitted.map_or(0, |(_, epoch)| epoch);
        let mut stuck = Vec::new();
        let mut compound = [0; 1150];
        let mut writer = RtcpWriter::new(&mut compound);
        for audio in &mut self.audios {
            audio.tick(now);
            let due = audio.due(now, self.round_trip);
            if !due.is_empty() {
                let _ = writer.nack(1, audio.inbound.ssrc, &due);
            }
        }
        for video in &mut self.videos {
            video.tick(now, session, first_epoch);
            let due = video.log.due(now, self.round_trip);
            for lost in due.chunks(64) {
                // What has no room in this packet is asked for again later.
                let _ = writer.nack(1, video.inbound.ssrc, lost);
            }
            if video.wants_key_frame(now) {
                stuck.push(video.track);
                let _ = writer.pli(1, video.inbound.ssrc);
            }
        }
        if now >= self.reported + REPORT {
            self.reported = now;
            for stream in self.pictures.iter().chain(&self.microphone) {
                if let Some(report) = stream.report(now) {
                    let _ = writer.sender_report(&report, &[]);
                }
            }
            let videos = self
                .videos
                .iter_mut()
                .map(|video| (&mut video.log, video.inbound.ssrc));
            let audios = self
                .audios
                .iter_mut()
                .map(|audio| (&mut audio.log, audio.inbound.ssrc));
            let blocks: Vec<_> = videos
                .chain(audios)
                .filter_map(|(log, ssrc)| log.block(now, ssrc))
                .collect();
            for blocks in blocks.chunks(20) {
                let _ = writer.receiver_report(1, blocks);
            }
        }
        let len = writer.len();
        if len > 0 {
            self.datagrams.push(compound[..len].to_vec());
        }
        for track in stuck {
            self.note(now, format_args!("is stuck without a picture of track {track}"));
        }
        self.datagrams.extend(self.arrivals.reports(now));
        self.pace(now);
        if let Some(harm) = self.harm.filter(|_| self.connected.is_some()) {
            self.do_harm(harm);
        }
    }

    /// The last second in words.
    pub(crate) fn last_second(&self, now: u64) -> String {
        let gaps: u64 = self.audios.iter().map(|audio| audio.listening.gap()).sum();
        let tiles = self.videos.iter().filter(|video| !video.gone).map(|video| {
            let hidden = if video.hidden { " (hidden)" } else { "" };
            format!(
                "| track {}{hidden}: {}",
                video.track,
                video.watch.last_second(now)
            )
        });
        format!("gaps {:>5} ms  {}", gaps / 1000, tiles.collect::<String>())
    }

    pub(crate) fn note(&self, now: u64, what: std::fmt::Arguments<'_>) {
        if self.trace {
            println!("{:>7} ms  {} {what}", now / 1000, self.ufrag);
        }
    }

    /// Goes; nothing more is sent, and what still comes is not noticed.
    pub(crate) fn leave(&mut self, now: u64) {
        self.stop(now);
        self.connected = None;
        self.videos.clear();
        self.audios.clear();
    }

    /// Nothing more is expected from anybody.
    pub(crate) fn stop(&mut self, now: u64) {
        for video in &mut self.videos {
            video.watch.stop(now);
        }
    }
}
