//! The room: sessions, and a delivery service that orders, finalizes and fetches trees.

use std::collections::{HashMap, VecDeque};

use openmls::prelude::OpenMlsProvider as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::encoding::{self, Blob};
use crate::message::{Found, Outgoing, PendingAdd};
use crate::{
    ClientId, Codec, Context, Decrypted, DropReason, Output, RoomSecret, Session, SessionConfig, Suite,
};

pub(crate) const ROOM: [u8; 16] = [7; 16];
pub(crate) const SECRET: [u8; 32] = [9; 32];

pub(crate) struct Client {
    pub(crate) session: Session,
    pub(crate) online: bool,
    /// Everything but Send and FetchTree.
    pub(crate) outputs: Vec<Output>,
    /// Whether FetchTree is answered with nothing.
    pub(crate) trees_fail: bool,
}

/// A commit under vote.
struct Vote {
    epoch: u64,
    author: usize,
    acks: Vec<usize>,
    nacks: Vec<usize>,
    found: Found,
    added: Vec<usize>,
}

/// What the delivery service does, with the knobs that tests turn.
pub(crate) struct World {
    pub(crate) suite: Suite,
    pub(crate) now: u64,
    pub(crate) clients: Vec<Client>,
    pub(crate) epoch: u64,
    pub(crate) group: Option<Found>,
    group_id: Vec<u8>,
    trees: HashMap<String, Vec<u8>>,
    vote: Option<Vote>,
    pending_adds: Vec<(usize, PendingAdd)>,
    pub(crate) pending_removes: Vec<u32>,
    pub(crate) log: Vec<(u64, Blob)>,
    /// Uploads in the order they came.
    pub(crate) uploads: VecDeque<(usize, Outgoing)>,
    /// Do not ask for commits.
    pub(crate) no_calls: bool,
    /// Do not finalize.
    pub(crate) no_final: bool,
    /// Do not say Go.
    pub(crate) no_go: bool,
    /// Welcomes are lost.
    pub(crate) no_welcome: bool,
    pub(crate) rejected: Vec<(usize, String)>,
    pub(crate) nacks: Vec<(usize, String)>,
    pub(crate) kicks: Vec<crate::message::Kick>,
    pub(crate) orders: Vec<crate::message::Order>,
    /// What a State says that stands.
    pub(crate) orders_in_state: Vec<crate::message::Order>,
    /// Authors of commits that fell; not asked again until one stands.
    failed: Vec<usize>,
    /// Keep application messages back.
    pub(crate) mute_apps: bool,
    pub(crate) held_apps: Vec<Blob>,
    seq: u64,
}

pub(crate) fn session(id: u8, name: &str, secret: [u8; 32]) -> Session {
    Session::new(SessionConfig {
        room_id: ROOM,
        room_secret: RoomSecret::new(secret),
        client_id: [id; 16],
        display_name: name.to_owned(),
    })
    .unwrap()
}

impl World {
    /// An empty room.
    pub(crate) fn new(suite: Suite) -> Self {
        Self {
            suite,
            now: 1_000,
            clients: Vec::new(),
            epoch: 0,
            group: None,
            group_id: Vec::new(),
            trees: HashMap::new(),
            vote: None,
            pending_adds: Vec::new(),
            pending_removes: Vec::new(),
            log: Vec::new(),
            uploads: VecDeque::new(),
            no_calls: false,
            no_final: false,
            no_go: false,
            no_welcome: false,
            rejected: Vec::new(),
            nacks: Vec::new(),
            kicks: Vec::new(),
            orders: Vec::new(),
            orders_in_state: Vec::new(),
            failed: Vec::new(),
            mute_apps: false,
            held_apps: Vec::new(),
            seq: 0,
        }
    }

    /// A room with `members` people in it.
    pub(crate) fn with(suite: Suite, members: u8) -> Self {
        let mut world = Self::new(suite);
        for _ in 0..members {
            world.enter();
        }
        world
    }

    /// Somebody comes in the normal way; returns who.
    pub(crate) fn enter(&mut self) -> usize {
        let number = self.clients.len();
        let id = u8::try_from(number + 1).unwrap();
        let client = self.add(session(id, &format!("Person {id}"), SECRET));
        self.connect(client);
        self.settle();
        client
    }

    pub(crate) fn add(&mut self, session: Session) -> usize {
        self.clients.push(Client {
            session,
            online: true,
            outputs: Vec::new(),
            trees_fail: false,
        });
        self.clients.len() - 1
    }

    pub(crate) fn connect(&mut self, client: usize) {
        self.clients[client].online = true;
        let standing = if self.group.is_some() { "join" } else { "found" };
        self.state(client, standing);
    }

    pub(crate) fn state(&mut self, client: usize, standing: &str) {
        let suite = serde_json::to_value(self.suite).unwrap();
        let group = self
            .group
            .is_some()
            .then(|| json!({"group_id": encoding::encode(&self.group_id), "epoch": self.epoch}));
        let state = json!({
            "type": "state", "token": "x", "standing": standing, "group": group,
            "policy": {"suite": suite, "max_participants": 50}, "participants": [], "tracks": [],
            "idle_timeout_ms": 10000, "orders": self.orders_in_state,
        });
        self.tell(client, &state);
    }

    /// Gives a server message to one client and takes what it says.
    pub(crate) fn tell(&mut self, client: usize, message: &serde_json::Value) {
        if !self.clients[client].online {
            return;
        }
        let now = self.now;
        self.clients[client]
            .session
            .handle_message(now, &message.to_string())
            .unwrap();
        self.drain(client);
    }

    pub(crate) fn broadcast(&mut self, message: &serde_json::Value) {
        for client in 0..self.clients.len() {
            self.tell(client, message);
        }
    }

    pub(crate) fn drain(&mut self, client: usize) {
        while let Some(output) = self.clients[client].session.poll_output() {
            match output {
                Output::Send(message) => self.uploads.push_back((client, message)),
                Output::FetchTree { tree_hash } => {
                    let tree = self
                        .trees
                        .get(&tree_hash)
                        .filter(|_| !self.clients[client].trees_fail)
                        .cloned();
                    let now = self.now;
                    self.clients[client]
                        .session
                        .handle_tree(now, &tree_hash, tree.as_deref())
                        .unwrap();
                }
                other => self.clients[client].outputs.push(other),
            }
        }
    }

    /// Serves until nothing is left to do.
    pub(crate) fn settle(&mut self) {
        for _ in 0..200 {
            if let Some((client, message)) = self.uploads.pop_front() {
                self.serve(client, message);
            } else if !self.call_for_commit(false) {
                return;
            }
        }
        panic!("the room does not settle");
    }

    /// Lets time pass, in steps that miss no deadline.
    pub(crate) fn advance(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        loop {
            let next = self
                .clients
                .iter()
                .filter_map(|client| client.session.poll_timeout())
                .min();
            self.now = next.unwrap_or(end).clamp(self.now, end);
            let now = self.now;
            for client in 0..self.clients.len() {
                self.clients[client].session.handle_timeout(now);
                self.drain(client);
            }
            self.settle();
            if next.is_none_or(|next| next > end) {
                self.now = end;
                return;
            }
        }
    }

    /// Asks everybody for the commit that is due; false when there is none.
    pub(crate) fn call_for_commit(&mut self, heal: bool) -> bool {
        let idle = self.pending_adds.is_empty() && self.pending_removes.is_empty() && !heal;
        if self.no_calls || self.vote.is_some() || idle || self.group.is_none() {
            return false;
        }
        let adds: Vec<_> = self.pending_adds.iter().map(|(_, add)| add).collect();
        let call = json!({
            "type": "commit_call", "epoch": self.epoch, "adds": adds, "removes": self.pending_removes,
            "rank": 0, "delay_ms": 0, "heal": heal,
        });
        let before = self.uploads.len();
        for client in 0..self.clients.len() {
            let session = &self.clients[client].session;
            if session.epoch() == Some(self.epoch) && !self.failed.contains(&client) {
                self.tell(client, &call);
            }
            if self.uploads.len() > before {
                return true;
            }
        }
        false
    }

    pub(crate) fn heal(&mut self, client: usize) {
        let call = json!({
            "type": "commit_call", "epoch": self.epoch, "adds": [], "removes": [],
            "rank": 0, "delay_ms": 0, "heal": true,
        });
        self.tell(client, &call);
        self.settle();
    }

    /// Does what the service does with one message.
    pub(crate) fn serve(&mut self, client: usize, message: Outgoing) {
        match message {
            Outgoing::Found(found) => self.serve_found(client, found),
            Outgoing::Join(join) => {
                let client_id = ClientId([u8::try_from(client + 1).unwrap(); 16]);
                let add = PendingAdd {
                    client_id,
                    key_package: join.key_package,
                };
                self.pending_adds.retain(|(other, _)| *other != client);
                self.pending_adds.push((client, add));
            }
            Outgoing::Commit(upload) => {
                let skipped: Vec<ClientId> = upload.skipped.iter().map(|skip| skip.client_id).collect();
                for skip in &upload.skipped {
                    let reason = serde_json::to_value(skip.reason).unwrap();
                    self.rejected.push((client, reason.as_str().unwrap().to_owned()));
                }
                self.pending_adds
                    .retain(|(_, add)| !skipped.contains(&add.client_id));
                let tree = self.tree_after(client);
                let found = Found {
                    group_info: upload.group_info,
                    ratchet_tree: tree,
                };
                let welcome = upload.welcome;
                self.propose(client, upload.epoch, upload.commit, found, welcome);
            }
            Outgoing::Ack(ack) => self.serve_ack(client, ack.epoch),
            Outgoing::Nack(nack) => self.serve_nack(client, &nack),
            Outgoing::App(app) => {
                self.seq += 1;
                if self.mute_apps {
                    self.held_apps.push(app.message);
                    return;
                }
                self.broadcast(&json!({"type": "app", "seq": self.seq, "message": app.message}));
            }
            Outgoing::GroupInfoRequest => self.send_group_info(client),
            Outgoing::Knock(_) | Outgoing::Admit(_) | Outgoing::Deny(_) => {}
            Outgoing::Order(order) => {
                let mut message = serde_json::to_value(&order).unwrap();
                message["type"] = json!("order");
                self.orders.push(order);
                self.broadcast(&message);
            }
            Outgoing::Kick(kick) => {
                self.pending_removes.push(kick.leaf);
                self.kicks.push(kick);
            }
        }
    }

    fn serve_found(&mut self, client: usize, found: Found) {
        self.epoch = self.clients[client].session.epoch().unwrap_or(0);
        self.group_id = group_id_of(&found);
        self.trees
            .insert(hash_of(&found.ratchet_tree), found.ratchet_tree.0.clone());
        self.group = Some(found);
        self.tell(client, &json!({"type": "found_ok"}));
    }

    pub(crate) fn send_group_info(&mut self, client: usize) {
        let Some(found) = self.group.clone() else { return };
        let tree_hash = hash_of(&found.ratchet_tree);
        self.tell(
            client,
            &json!({"type": "group_info", "epoch": self.epoch, "group_info": found.group_info, "tree_hash": tree_hash}),
        );
    }

    /// Puts a commit under vote.
    pub(crate) fn propose(
        &mut self,
        author: usize,
        epoch: u64,
        commit: Blob,
        found: Found,
        welcome: Option<Blob>,
    ) {
        if self.vote.is_some() || epoch != self.epoch {
            let reason = if self.vote.is_some() {
                "lost"
            } else {
                "wrong_epoch"
            };
            self.rejected.push((author, reason.to_owned()));
            self.tell(
                author,
                &json!({"type": "commit_rejected", "epoch": epoch + 1, "reason": reason}),
            );
            return;
        }
        let epoch = epoch + 1;
        self.seq += 1;
        let tree_hash = hash_of(&found.ratchet_tree);
        self.trees.insert(tree_hash.clone(), found.ratchet_tree.0.clone());
        let added = if welcome.is_some() {
            self.pending_adds.drain(..).map(|(client, _)| client).collect()
        } else {
            Vec::new()
        };
        if self.pending_adds.iter().any(|(client, _)| *client == author) {
            self.pending_adds.retain(|(client, _)| *client != author);
        }
        self.vote = Some(Vote {
            epoch,
            author,
            acks: Vec::new(),
            nacks: Vec::new(),
            found,
            added: added.clone(),
        });
        self.log.push((epoch, commit.clone()));
        self.broadcast(&json!({"type": "commit", "seq": self.seq, "epoch": epoch, "commit": commit}));
        if let Some(welcome) = welcome.filter(|_| !self.no_welcome) {
            for client in added {
                self.tell(
                    client,
                    &json!({"type": "welcome", "seq": self.seq, "epoch": epoch, "welcome": welcome, "tree_hash": tree_hash}),
                );
            }
        }
        self.try_finalize();
    }

    fn serve_ack(&mut self, client: usize, epoch: u64) {
        if let Some(vote) = self.vote.as_mut().filter(|vote| vote.epoch == epoch) {
            vote.acks.push(client);
            self.try_finalize();
        }
    }

    fn serve_nack(&mut self, client: usize, nack: &crate::message::Nack) {
        let reason = serde_json::to_value(nack.reason).unwrap();
        self.nacks.push((client, reason.as_str().unwrap().to_owned()));
        if let Some(vote) = self.vote.as_mut().filter(|vote| vote.epoch == nack.epoch) {
            vote.nacks.push(client);
            let (author, added) = (vote.author, vote.added.clone());
            let against = vote.nacks.iter().filter(|client| !added.contains(client)).count();
            let enough = against >= self.voters(author).min(3) && against > 0;
            if enough && self.vote.as_ref().is_some_and(|vote| vote.acks.is_empty()) {
                self.rollback();
            }
        } else if nack.epoch == self.epoch {
            // A newcomer that cannot use its leaf.
            let id = self.id(client);
            let member = self.clients[0]
                .session
                .roster()
                .into_iter()
                .find(|member| member.client_id == id);
            self.pending_removes.extend(member.map(|member| member.leaf));
        }
    }

    /// Members who are there, without the author.
    fn voters(&self, author: usize) -> usize {
        let counts = |(index, client): &(usize, &Client)| {
            *index != author && client.online && client.session.epoch().is_some()
        };
        self.clients.iter().enumerate().filter(counts).count()
    }

    fn try_finalize(&mut self) {
        let Some(vote) = &self.vote else { return };
        let others = self.voters(vote.author);
        let enough =
            vote.acks.iter().any(|client| *client != vote.author) || (others == 0 && vote.added.is_empty());
        if enough && !self.no_final {
            self.finalize();
        }
    }

    /// Finalizes the commit under vote, whatever the votes.
    pub(crate) fn finalize(&mut self) {
        let vote = self.vote.take().unwrap();
        self.epoch = vote.epoch;
        self.group = Some(vote.found);
        self.failed.clear();
        self.pending_removes.clear();
        self.broadcast(&json!({"type": "final", "epoch": vote.epoch}));
        if !self.no_go {
            self.broadcast(&json!({"type": "go", "epoch": vote.epoch}));
        }
    }

    pub(crate) fn rollback(&mut self) {
        let vote = self.vote.take().unwrap();
        self.failed.push(vote.author);
        self.log.pop();
        self.broadcast(&json!({"type": "rollback", "epoch": vote.epoch}));
    }

    pub(crate) fn is_voting(&self) -> bool {
        self.vote.is_some()
    }

    /// The tree after the client's own commit: the server computes it from the commit.
    fn tree_after(&self, client: usize) -> Blob {
        let session = &self.clients[client].session;
        if let Some(mls) = session.external_for_test() {
            return crate::group::serialize(&mls.group.export_ratchet_tree()).unwrap();
        }
        let mls = session.current.as_ref().unwrap();
        let original = mls.group.export_ratchet_tree();
        let pending = mls.group.pending_commit().unwrap();
        let tree = pending
            .export_ratchet_tree(mls.provider.crypto(), original)
            .unwrap()
            .unwrap();
        crate::group::serialize(&tree).unwrap()
    }

    pub(crate) fn leave(&mut self, client: usize) {
        let leaf = self.leaf(client);
        self.clients[client].online = false;
        self.pending_removes.push(leaf);
        self.settle();
    }

    pub(crate) fn leaf(&self, client: usize) -> u32 {
        self.clients[client]
            .session
            .roster()
            .iter()
            .find(|member| member.is_self)
            .unwrap()
            .leaf
    }

    pub(crate) fn id(&self, client: usize) -> ClientId {
        ClientId([u8::try_from(client + 1).unwrap(); 16])
    }

    /// Sends a frame; panics when it cannot be encrypted.
    pub(crate) fn encrypt(&mut self, client: usize, context: Context, codec: Codec, frame: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        self.clients[client]
            .session
            .encrypt(context, codec, frame, &mut out)
            .unwrap();
        out
    }

    pub(crate) fn decrypt(
        &mut self,
        client: usize,
        context: Context,
        codec: Codec,
        frame: &[u8],
    ) -> Result<(Decrypted, Vec<u8>), DropReason> {
        let mut out = Vec::new();
        let now = self.now;
        let decrypted = self.clients[client]
            .session
            .decrypt(now, context, codec, frame, &mut out)?;
        Ok((decrypted, out))
    }

    /// Everybody hears everybody.
    pub(crate) fn assert_all_hear_each_other(&mut self, people: &[usize]) {
        for &from in people {
            let frame = format!("frame of {from}").into_bytes();
            let sealed = self.encrypt(from, Context::Microphone, Codec::Opus, &frame);
            assert!(!sealed.windows(5).any(|window| window == b"frame"));
            for &to in people.iter().filter(|to| **to != from) {
                let (decrypted, out) = self
                    .decrypt(to, Context::Microphone, Codec::Opus, &sealed)
                    .unwrap_or_else(|reason| panic!("{from} to {to}: {reason:?}"));
                assert_eq!(out, frame);
                assert_eq!(decrypted.member, self.id(from));
            }
        }
    }

    /// All are in one epoch with one code and one roster.
    pub(crate) fn assert_agreement(&self, people: &[usize]) {
        let view = |client: usize| {
            let session = &self.clients[client].session;
            let mls = session.current.as_ref().unwrap();
            let roster: Vec<_> = session
                .roster()
                .into_iter()
                .map(|member| (member.leaf, member.client_id))
                .collect();
            (
                session.epoch(),
                mls.group.epoch_authenticator().as_slice().to_vec(),
                roster,
            )
        };
        for &other in people {
            assert_eq!(view(people[0]), view(other), "client {other}");
            assert_eq!(view(other).0, Some(self.epoch));
            let own = self.clients[other]
                .session
                .roster()
                .into_iter()
                .find(|member| member.is_self);
            assert!(own.is_some());
        }
    }

    pub(crate) fn has(&self, client: usize, wanted: &Output) -> bool {
        self.clients[client].outputs.contains(wanted)
    }
}

pub(crate) fn hash_of(tree: &Blob) -> String {
    encoding::encode(&Sha256::digest(tree.as_slice()))
}

fn group_id_of(found: &Found) -> Vec<u8> {
    match crate::group::parse_message(found.group_info.as_slice()) {
        Some(openmls::prelude::MlsMessageBodyIn::GroupInfo(info)) => info.group_id().as_slice().to_vec(),
        _ => panic!("not a GroupInfo"),
    }
}

impl World {
    /// Leaves a commit under vote.
    pub(crate) fn heal_halfway(&mut self, client: usize) {
        self.no_final = true;
        self.heal(client);
        self.no_final = false;
    }

    /// The server forgot what was under vote.
    pub(crate) fn forget_vote(&mut self) {
        self.vote = None;
        self.uploads.clear();
    }
}

impl World {
    pub(crate) fn publish_tree(&mut self) {
        let tree = self.group.clone().unwrap().ratchet_tree;
        self.add_tree(&tree);
    }

    pub(crate) fn add_tree(&mut self, tree: &Blob) {
        self.trees.insert(hash_of(tree), tree.0.clone());
    }

    pub(crate) fn key_package_of(&self, client: usize) -> Blob {
        let add = self.pending_adds.iter().find(|(waiting, _)| *waiting == client);
        add.unwrap().1.key_package.clone()
    }

    /// Takes the client's Join and lets it stand under another pseudonym.
    pub(crate) fn rename_pending(&mut self, client: usize, client_id: ClientId) {
        self.no_calls = true;
        self.settle();
        self.no_calls = false;
        for (waiting, add) in &mut self.pending_adds {
            if *waiting == client {
                add.client_id = client_id;
            }
        }
    }

    /// Serves until somebody votes against.
    pub(crate) fn step_until_nack(&mut self) {
        self.call_for_commit(false);
        while self.nacks.is_empty() {
            let (client, message) = self.uploads.pop_front().unwrap();
            self.serve(client, message);
        }
    }

    /// Serves what was sent before its author was cut off.
    pub(crate) fn settle_with_author_gone(&mut self, author: usize) {
        let (client, message) = self.uploads.pop_front().unwrap();
        assert_eq!(client, author);
        self.serve(client, message);
        self.settle();
    }
}
