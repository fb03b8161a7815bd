// Generated from the Rust types of wire/ by `make types`. Do not edit.

export const SUBPROTOCOL = "conclave.v1";
export const PROTOCOL_VERSION = 1;
export const MAX_APP = 65536;

export type Ack = { 
/**
 * The epoch the commit leads to.
 */
epoch: Epoch, 
/**
 * SHA-256 of that epoch's confirmation tag as serialized: a length byte and 32 bytes.
 */
confirmation_hash: Base64Url, };

export type Admit = { 
/**
 * Whom; a host that comes in itself names itself.
 */
client_id: ClientId, 
/**
 * The leaf key that the ticket is for.
 */
leaf_key: Base64Url, 
/**
 * The ticket.
 */
ticket: Ticket, };

export type Admitted = { 
/**
 * Goes into the client's leaf.
 */
ticket: Ticket, };

export type Answer = { 
/**
 * From the Offer.
 */
offer_id: OfferId, 
/**
 * The SDP.
 */
sdp: string, };

export type App = { 
/**
 * Position in the room's log.
 */
seq: Seq, 
/**
 * MLSMessage with a PrivateMessage.
 */
message: Base64Url, };

export type AppUpload = { 
/**
 * MLSMessage with a PrivateMessage.
 */
message: Base64Url, };

export type Base64Url = string;

export type ClientId = string;

export type ClientMessage = { "type": "hello" } & Hello | { "type": "ping" } & Ping | { "type": "bye" } | { "type": "found" } & Found | { "type": "join" } & Join | { "type": "commit" } & CommitUpload | { "type": "ack" } & Ack | { "type": "nack" } & Nack | { "type": "app" } & AppUpload | { "type": "group_info_request" } | { "type": "kick" } & Kick | { "type": "order" } & Order | { "type": "knock" } & Knock | { "type": "admit" } & Admit | { "type": "deny" } & Deny | { "type": "offer" } & Offer | { "type": "views" } & Views;

export type Codec = "opus" | "vp8" | "vp9";

export type Commit = { 
/**
 * Position in the room's log.
 */
seq: Seq, 
/**
 * The epoch it leads to.
 */
epoch: Epoch, 
/**
 * MLSMessage with the commit.
 */
commit: Base64Url, };

export type CommitCall = { 
/**
 * The epoch to commit from.
 */
epoch: Epoch, 
/**
 * Whom to add.
 */
adds: Array<PendingAdd>, 
/**
 * Which leaves to remove; every one of them.
 */
removes: Array<LeafIndex>, 
/**
 * The receiver's place in the order of committers, from 0.
 */
rank: number, 
/**
 * How long to wait before committing, in milliseconds.
 */
delay_ms: number, 
/**
 * Commit with a path even when there is nothing to add or remove.
 */
heal: boolean, };

export type CommitRejected = { 
/**
 * The epoch it would have led to.
 */
epoch: Epoch, 
/**
 * Why.
 */
reason: RejectReason, };

export type CommitUpload = { 
/**
 * The epoch it commits from.
 */
epoch: Epoch, 
/**
 * MLSMessage with the commit as PublicMessage.
 */
commit: Base64Url, 
/**
 * MLSMessage with the Welcome; present exactly when the commit adds somebody.
 */
welcome?: Base64Url, 
/**
 * MLSMessage with the GroupInfo of the new epoch, without the ratchet tree.
 */
group_info: Base64Url, 
/**
 * Adds of the CommitCall that the committer refused.
 */
skipped?: Array<Skipped>, };

export type Deny = { 
/**
 * Whom.
 */
client_id: ClientId, };

export type EncodingsNeeded = { 
/**
 * Which of the client's tracks.
 */
source: Source, 
/**
 * One entry per encoding (RID) or, of a scalable stream, per spatial layer; the smallest picture first.
 */
needed: Array<boolean>, };

export type Epoch = number;

export type ErrorCode = "bad_message" | "message_too_large" | "unsupported_version" | "out_of_order" | "room_not_found" | "room_full" | "too_many_connections" | "rate_limited" | "not_allowed" | "client_id_taken" | "session_replaced" | "removed" | "banned" | "room_locked" | "denied" | "ended" | "room_burnt" | "link_expired" | "link_used_up" | "timed_out" | "bad_mls" | "bad_sdp" | "unsupported_media" | "track_not_found" | "not_end_to_end_encrypted" | "media_unavailable" | "overloaded" | "shutting_down" | "internal";

export type ErrorMessage = { 
/**
 * What was wrong.
 */
code: ErrorCode, 
/**
 * The connection closes after this message.
 */
fatal: boolean, 
/**
 * When trying again makes sense, in milliseconds.
 */
retry_after_ms?: number, };

export type Final = { 
/**
 * The epoch it leads to.
 */
epoch: Epoch, };

export type Found = { 
/**
 * MLSMessage with a GroupInfo, without the ratchet tree.
 */
group_info: Base64Url, 
/**
 * The serialized ratchet tree (RFC 9420 §12.4.3.3).
 */
ratchet_tree: Base64Url, };

export type Go = { 
/**
 * The epoch to encrypt with.
 */
epoch: Epoch, };

export type GroupInfo = { 
/**
 * The final epoch.
 */
epoch: Epoch, 
/**
 * MLSMessage with a GroupInfo, without the ratchet tree.
 */
group_info: Base64Url, 
/**
 * Where the ratchet tree is: `GET /t/<tree_hash>`.
 */
tree_hash: TreeHash, };

export type GroupState = { 
/**
 * MLS group id.
 */
group_id: Base64Url, 
/**
 * Final epoch.
 */
epoch: Epoch, };

export type Hello = { 
/**
 * [`crate::PROTOCOL_VERSION`].
 */
version: number, 
/**
 * The room to enter.
 */
room: RoomId, 
/**
 * The participant's pseudonym: fresh for a new participant, the same for a continued one.
 */
client_id: ClientId, 
/**
 * Proves that this continues an earlier session.
 */
token?: SessionToken, 
/**
 * The MLS state the client still holds.
 */
resume?: Resume, 
/**
 * Proves that this is the room's host, who may open a call by a link that is good for nobody else any more.
 */
host?: HostProof, };

export type HostProof = { 
/**
 * The room's host key, 32 bytes.
 */
key: Base64Url, 
/**
 * Ed25519 over `"conclave host" ‖ room ‖ client_id`, 64 bytes.
 */
signature: Base64Url, };

export type Join = { 
/**
 * MLSMessage with a KeyPackage.
 */
key_package: Base64Url, };

export type Kick = { 
/**
 * Whom.
 */
leaf: LeafIndex, 
/**
 * The epoch the host saw that leaf in.
 */
epoch: Epoch, 
/**
 * Whether nobody from that network address comes in again during this call.
 */
ban?: boolean, 
/**
 * 64 bytes.
 */
signature: Base64Url, };

export type Knock = { 
/**
 * The signature key of its leaf, 32 bytes: the ticket is for this key.
 */
leaf_key: Base64Url, 
/**
 * Its identity card for the room's group: only people with the link can read the name in it.
 */
card: Base64Url, };

export type KnockOf = { 
/**
 * Who.
 */
client_id: ClientId, 
/**
 * From its Knock.
 */
leaf_key: Base64Url, 
/**
 * From its Knock.
 */
card: Base64Url, };

export type Knocks = { 
/**
 * In no order.
 */
knocks: Array<KnockOf>, };

export type LeafIndex = number;

export type Nack = { 
/**
 * The epoch the commit would lead to.
 */
epoch: Epoch, 
/**
 * Why.
 */
reason: NackReason, };

export type NackReason = "invalid" | "policy" | "admission" | "welcome" | "tree";

export type Offer = { 
/**
 * Comes back in the Answer.
 */
offer_id: OfferId, 
/**
 * The SDP.
 */
sdp: string, 
/**
 * One entry per `m=` section, in any order.
 */
sections: Array<Section>, };

export type OfferId = number;

export type OfferRejected = { 
/**
 * From the Offer.
 */
offer_id: OfferId, 
/**
 * What was wrong.
 */
code: ErrorCode, };

export type Order = { 
/**
 * A [`Decision`] as JSON, exactly as it was signed.
 */
text: string, 
/**
 * The Ed25519 key that signed it: a host key of the group, or the leaf key of a co-host. 32 bytes.
 */
key: Base64Url, 
/**
 * Ed25519 over `"conclave order" ‖ text`, 64 bytes.
 */
signature: Base64Url, };

export type PauseCause = "downlink" | "load";

export type PendingAdd = { 
/**
 * Its pseudonym, which is the identity in its key package.
 */
client_id: ClientId, 
/**
 * MLSMessage with its KeyPackage.
 */
key_package: Base64Url, };

export type PicturesPaused = { 
/**
 * Which; none any more when it is empty.
 */
tracks: Array<TrackId>, 
/**
 * Why.
 */
cause: PauseCause, };

export type Ping = { 
/**
 * Comes back in the Pong.
 */
id: number, };

export type Policy = { 
/**
 * MLS cipher suite of the group.
 */
suite: Suite, 
/**
 * Most participants at a time.
 */
max_participants: number, };

export type Pong = { 
/**
 * From the Ping.
 */
id: number, };

export type Presence = { 
/**
 * Who.
 */
client_id: ClientId, 
/**
 * How it stands.
 */
presence: PresenceKind, };

export type PresenceKind = "online" | "suspended" | "gone";

export type RejectReason = "lost" | "wrong_epoch" | "invalid" | "policy";

export type Resume = { 
/**
 * MLS group id.
 */
group_id: Base64Url, 
/**
 * Last merged epoch.
 */
epoch: Epoch, 
/**
 * Confirmation tag of that epoch (RFC 9420 §8.1), as serialized: a length byte and 32 bytes.
 */
confirmation_tag: Base64Url, };

export type Rollback = { 
/**
 * The epoch it would have led to.
 */
epoch: Epoch, };

export type RoomId = string;

export type Section = { 
/**
 * The section's `a=mid`.
 */
mid: string, } & ({ "role": "publish", 
/**
 * Where the media comes from.
 */
source: Source, } | { "role": "subscribe", 
/**
 * Which one.
 */
track_id: TrackId, } | { "role": "idle" });

export type Seq = number;

export type ServerMessage = { "type": "state" } & State | { "type": "pong" } & Pong | { "type": "error" } & ErrorMessage | { "type": "found_ok" } | { "type": "found_lost" } | { "type": "commit_call" } & CommitCall | { "type": "commit" } & Commit | { "type": "commit_rejected" } & CommitRejected | { "type": "welcome" } & Welcome | { "type": "final" } & Final | { "type": "rollback" } & Rollback | { "type": "go" } & Go | { "type": "app" } & App | { "type": "group_info" } & GroupInfo | { "type": "presence" } & Presence | { "type": "order" } & Order | { "type": "knocks" } & Knocks | { "type": "admitted" } & Admitted | { "type": "track_published" } & TrackPublished | { "type": "track_unpublished" } & TrackUnpublished | { "type": "answer" } & Answer | { "type": "offer_rejected" } & OfferRejected | { "type": "encodings_needed" } & EncodingsNeeded | { "type": "pictures_paused" } & PicturesPaused;

export type SessionToken = string;

export type SkipReason = "invalid" | "expired" | "admission" | "duplicate";

export type Skipped = { 
/**
 * Whose.
 */
client_id: ClientId, 
/**
 * Why.
 */
reason: SkipReason, };

export type Source = "microphone" | "camera" | "screen_video" | "screen_audio";

export type Standing = "found" | "wait" | "join" | "knock" | "resume" | "resync" | "restore";

export type State = { 
/**
 * Continues this session after a lost connection.
 */
token: SessionToken, 
/**
 * What the client should do now.
 */
standing: Standing, 
/**
 * The room's group, if it has one.
 */
group?: GroupState, 
/**
 * The room's policy.
 */
policy: Policy, 
/**
 * Everybody else the server knows of. A hint: the roster is the MLS tree.
 */
participants: Array<Presence>, 
/**
 * Every track of the others.
 */
tracks: Array<Track>, 
/**
 * What hosts decided and still stands.
 */
orders?: Array<Order>, 
/**
 * After how long without any message the server counts the connection as lost, in milliseconds.
 */
idle_timeout_ms: number, };

export type Suite = "post_quantum" | "classic";

export type Ticket = { 
/**
 * Who signed it: a host key, or the leaf key of a host or co-host. 32 bytes.
 */
key: Base64Url, 
/**
 * Ed25519 over `"conclave ticket" ‖ group_id ‖ leaf key`, 64 bytes.
 */
signature: Base64Url, };

export type Track = { 
/**
 * Unique within the room.
 */
track_id: TrackId, 
/**
 * Who publishes it, as the server believes; the SFrame KID decides.
 */
client_id: ClientId, 
/**
 * Where it comes from.
 */
source: Source, 
/**
 * The one codec it is sent with.
 */
codec: Codec, };

export type TrackId = number;

export type TrackPublished = { 
/**
 * The track.
 */
track: Track, };

export type TrackUnpublished = { 
/**
 * The track.
 */
track_id: TrackId, };

export type TreeHash = string;

export type View = { 
/**
 * Which track.
 */
track_id: TrackId, 
/**
 * Height in device pixels of the picture on the screen. 0: not shown or not heard, nothing is sent. For audio every
 * other value is the same.
 */
height: number, };

export type Views = { 
/**
 * One entry per track, the most important first.
 */
views: Array<View>, };

export type Welcome = { 
/**
 * Position of the commit in the room's log.
 */
seq: Seq, 
/**
 * The epoch it leads to.
 */
epoch: Epoch, 
/**
 * MLSMessage with a Welcome that holds the receiver's secret only.
 */
welcome: Base64Url, 
/**
 * Where the ratchet tree of that epoch is: `GET /t/<tree_hash>`.
 */
tree_hash: TreeHash, };
