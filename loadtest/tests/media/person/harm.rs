//! What somebody does who means harm or is broken, but has joined: only that person may notice.

use conclave_transport::rtcp::RtcpWriter;
use rand::Rng as _;

use super::Person;

/// Datagrams of harm each time a person looks at what is due: thousands a second.
const DATAGRAMS: usize = 20;
/// Numbers asked for in one of them.
const NUMBERS: u16 = 400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    /// Asks for everything again, all the time.
    Nacks,
    /// Asks for key frames all the time.
    KeyRequests,
    /// Sends bytes that mean nothing, as RTP and as RTCP.
    Garbage,
    /// Takes nothing, and says nothing.
    Silence,
}

impl Person {
    /// Adds to what is sent, or takes it away.
    pub(super) fn do_harm(&mut self, harm: Harm) {
        match harm {
            Harm::Nacks => {
                for _ in 0..DATAGRAMS {
                    self.ask(|writer, ssrc, newest| {
                        let numbers: Vec<u16> = (0..NUMBERS).map(|back| newest.wrapping_sub(back)).collect();
                        let _ = writer.nack(1, ssrc, &numbers);
                    });
                }
            }
            Harm::KeyRequests => {
                for _ in 0..DATAGRAMS {
                    self.ask(|writer, ssrc, _| {
                        let _ = writer.pli(1, ssrc);
                    });
                }
            }
            Harm::Garbage => {
                for _ in 0..DATAGRAMS {
                    let len = self.rng.random_range(2..300);
                    let mut bytes: Vec<u8> = (0..len).map(|_| self.rng.random()).collect();
                    // The version of RTP, and every other time a type of RTCP.
                    bytes[0] = 0x80 | bytes[0] & 0x3F;
                    if self.rng.random() {
                        bytes[1] = self.rng.random_range(200..208);
                    }
                    self.datagrams.push(bytes);
                }
            }
            Harm::Silence => self.datagrams.clear(),
        }
    }

    /// One datagram about everything that is received.
    fn ask(&mut self, mut write: impl FnMut(&mut RtcpWriter<'_>, u32, u16)) {
        let mut compound = [0; 1150];
        let mut writer = RtcpWriter::new(&mut compound);
        let videos = self.videos.iter().map(|video| (&video.log, video.inbound));
        let audios = self.audios.iter().map(|audio| (&audio.log, audio.inbound));
        for (log, inbound) in videos.chain(audios) {
            write(&mut writer, inbound.ssrc, log.newest());
        }
        let len = writer.len();
        self.datagrams.push(compound[..len].to_vec());
    }
}
