//! What must hold, while a run goes on and when it is quiet.

use conclave_e2ee::{Codec, Context};

use super::{Fate, Who, World};

impl World {
    /// Nobody merges a fork: whoever is in an epoch of a group has that epoch's one confirmation tag.
    pub(super) fn check_epochs(&mut self) {
        for who in 0..self.clients.len() {
            let Some(resume) = self.clients[who].session.resume() else {
                continue;
            };
            if self.clients[who].last_tag.as_ref() == Some(&resume.confirmation_tag.0) {
                continue;
            }
            self.clients[who].last_tag = Some(resume.confirmation_tag.0.clone());
            let place = (resume.group_id.0, resume.epoch);
            let tag = self
                .tags
                .entry(place)
                .or_insert_with(|| resume.confirmation_tag.0.clone())
                .clone();
            if tag != resume.confirmation_tag.0 {
                self.fail(&format!("{who} is in a fork of epoch {}", resume.epoch));
            }
        }
    }

    /// Everybody who wants to be in the call is, in one epoch, with one key and one code, and sees the same people.
    pub(crate) fn assert_one_call(&mut self, expected: &[Who]) {
        let wanted: Vec<Who> = (0..self.clients.len())
            .filter(|who| self.clients[*who].fate == Fate::Wanted)
            .collect();
        if wanted != expected {
            self.fail(&format!(
                "expected {expected:?} in the call, but {wanted:?} want to be"
            ));
        }
        let Some(first) = expected.first().copied() else {
            return;
        };
        let mut ids: Vec<[u8; 16]> = expected.iter().map(|who| self.clients[*who].id).collect();
        ids.sort_unstable();
        let epoch = self.clients[first].session.epoch();
        if epoch.is_none() {
            self.fail(&format!("{first} is in no group"));
        }
        let tag = self.clients[first]
            .session
            .resume()
            .map(|resume| resume.confirmation_tag);
        for who in expected.iter().copied() {
            let client = &self.clients[who];
            let mut roster: Vec<[u8; 16]> = client
                .session
                .roster()
                .iter()
                .map(|member| member.client_id.0)
                .collect();
            roster.sort_unstable();
            if client.session.epoch() != epoch || client.session.resume().map(|r| r.confirmation_tag) != tag {
                self.fail(&format!(
                    "{who} is in epoch {:?}, {first} in {epoch:?}",
                    client.session.epoch()
                ));
            }
            if roster != ids {
                self.fail(&format!("{who} sees {} people of {}", roster.len(), ids.len()));
            }
            if client.session.sending_epoch() != epoch {
                self.fail(&format!(
                    "{who} still sends with epoch {:?}",
                    client.session.sending_epoch()
                ));
            }
            if !client.session.is_secured() {
                self.fail(&format!("{who} is not secured"));
            }
        }
        self.assert_they_hear_each_other(expected);
        self.assert_admitted(expected);
    }

    /// The code is slow to compute, so only some tests ask for it.
    pub(crate) fn assert_one_code(&self, expected: &[Who]) -> String {
        let codes: Vec<String> = expected
            .iter()
            .filter_map(|who| self.clients[*who].session.code_material())
            .map(|material| material.derive())
            .collect();
        if codes.len() != expected.len() || codes.iter().any(|code| *code != codes[0]) {
            self.fail(&format!("the call codes differ: {codes:?}"));
        }
        codes[0].clone()
    }

    /// Every frame of everybody opens at everybody, and at nobody who is not in the call.
    fn assert_they_hear_each_other(&mut self, expected: &[Who]) {
        let now = self.now;
        for sender in expected.iter().copied() {
            let frame = self.encrypt(sender);
            for receiver in 0..self.clients.len() {
                if receiver == sender {
                    continue;
                }
                let opened = self.decrypts(receiver, now, &frame);
                if opened != expected.contains(&receiver) {
                    self.fail(&format!("a frame of {sender} opened at {receiver}: {opened}"));
                }
            }
        }
    }

    pub(crate) fn encrypt(&mut self, who: Who) -> Vec<u8> {
        let mut out = Vec::new();
        let result = self.clients[who].session.encrypt(
            Context::Microphone,
            Codec::Opus,
            b"twenty milliseconds",
            &mut out,
        );
        if let Err(reason) = result {
            self.fail(&format!("{who} cannot encrypt: {reason:?}"));
        }
        out
    }

    pub(crate) fn decrypts(&mut self, who: Who, now: u64, frame: &[u8]) -> bool {
        let mut out = Vec::new();
        let session = &mut self.clients[who].session;
        session
            .decrypt(now, Context::Microphone, Codec::Opus, frame, &mut out)
            .is_ok()
            && out == b"twenty milliseconds"
    }

    /// The SFU forwards to exactly those who are in the call, each with its own leaf.
    fn assert_admitted(&self, expected: &[Who]) {
        let mut leaves: Vec<u32> = self.admitted().values().map(|leaf| leaf.0).collect();
        leaves.sort_unstable();
        let mut own: Vec<u32> = expected
            .iter()
            .flat_map(|who| self.clients[*who].session.roster())
            .filter(|member| member.is_self)
            .map(|member| member.leaf)
            .collect();
        own.sort_unstable();
        if leaves != own {
            self.fail(&format!(
                "the SFU admitted leaves {leaves:?}, the call has {own:?}"
            ));
        }
    }
}
