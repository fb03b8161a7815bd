// Every text that a person reads, as values and typed functions, so that a translation is another such object.

import type { CryptoState, EndReason } from "../index.ts";

/** What is wrong with a device, in the words of the screens. */
export type DeviceProblem = "denied" | "busy" | "missing" | "insecure" | "failed";

/** The two kinds of capture device. */
export type DeviceKind = "camera" | "microphone";

export const text = {
  product: "Conclave",
  titles: { call: "In a meeting" },

  landing: {
    title: "Video meetings that stay between you.",
    lead: "Sound and picture are encrypted end to end, in your browser. The server passes them on and cannot look in.",
    newMeeting: "New meeting",
    creating: "Opening a room…",
    createFailed: "The server did not open a room. Check your connection and try again.",
    linkLabel: "Meeting link",
    linkPlaceholder: "Paste a meeting link",
    openLink: "Open",
    linkInvalid: "That is not a link to a meeting here. A whole link has a # and a long key after it.",
    linkIncomplete: "This link has lost its key, the part after the #. Ask for the whole link and paste it here.",
    points: [
      {
        title: "Encrypted in your browser",
        body: "Sound and picture are locked before they leave this device and opened only by the people in the call.",
      },
      {
        title: "The key is in the link",
        body: "It stays behind the #, which browsers never send. Whoever has the whole link can come in.",
      },
      {
        title: "No account, no install",
        body: "Send the link. The others type a name and join.",
      },
    ],
  },

  unsupported: {
    title: "This browser cannot join safely",
    lead: "Conclave encrypts in the browser and never falls back to unencrypted. This browser lacks:",
    advice: "An up-to-date Chrome, Edge or Firefox works, as does Safari on a Mac, an iPhone or an iPad.",
    insecure: "Open the page over https:// (or on localhost): browsers allow encryption and cameras only there.",
  },

  prejoin: {
    title: "Ready to join?",
    nameLabel: "Your name",
    namePlaceholder: "How the others will see you",
    nameMissing: "Type a name first.",
    join: "Join",
    preview: "Your camera",
    cameraOff: "Your camera is off",
    cameraStarting: "Starting your camera…",
    camera: "Camera",
    microphone: "Microphone",
    speaker: "Speaker",
    defaultDevice: "System default",
    unnamedDevice: (kind: string, index: number) => `${kind} ${index}`,
    noDevice: "None found",
    level: "Microphone level",
    silent: "We hear nothing. Speak up, check that the microphone is not muted, or pick another one.",
    testSpeaker: "Test",
    testSpeakerLong: "Test the speaker",
    retry: "Try again",
    without: "You can also join without.",
    privacy: "Nobody sees or hears you before you join.",
  },

  device: {
    title: (which: DeviceKind | "both", problem: DeviceProblem): string =>
      which === "both" ? BOTH_TITLES[problem] : DEVICE_TITLES[problem](KIND_NAMES[which]),
    help: (which: DeviceKind | "both", problem: DeviceProblem): string =>
      DEVICE_HELP[problem](which === "both" ? BOTH_NAME : KIND_NAMES[which]),
  },

  controls: {
    label: "Call controls",
    mute: "Mute microphone",
    unmute: "Unmute microphone",
    cameraOff: "Turn off camera",
    cameraOn: "Turn on camera",
    copyLink: "Copy link",
    copied: "Link copied",
    copyFailed: "The link could not be copied. Copy it from the address bar.",
    participants: "Participants",
    security: "Security",
    devices: "Devices",
    leave: "Leave",
    close: "Close",
    shortcut: (key: string) => `Ctrl+${key}`,
  },

  call: {
    grid: "People in the call",
    nameOfSelf: (name: string) => `${name} (you)`,
    host: "Host",
    muted: "Microphone off",
    encrypted: "End-to-end encrypted",
    checking: "Checking encryption…",
    notSecure: (count: number) => (count === 1 ? "1 person not secured" : `${count} people not secured`),
    connecting: "Connecting…",
    waiting: "Waiting to be let in…",
    waitingDetail: "Someone in the call has to hand you the keys. This takes a moment.",
    full: "This server is full right now, trying again…",
    fullDetail:
      "It carries as many people as it can. You come in as soon as there is room; you do not have to do anything.",
    aloneTitle: "Nobody else is here yet",
    aloneBody: "Send the link to the people you want to meet.",
    copyInvitation: "Copy invitation",
    tapToHear: "Tap to hear",
    tapToHearDetail: "Your browser holds the sound back until you click.",
    deviceFailed: (kind: DeviceKind) => `The ${KIND_NAMES[kind]} does not start. Pick another one under Devices.`,
    reconnecting: "Reconnecting…",
    reconnectingDetail: "Your connection was lost. We keep trying; you do not have to do anything.",
    recovered: "You are back in the call.",
    joined: (name: string) => `${name} joined`,
    left: (name: string) => `${name} left`,
    joinedMany: (count: number) => `${count} people joined`,
    leftMany: (count: number) => `${count} people left`,
  },

  participants: {
    title: (count: number) => `Participants (${count})`,
    remove: (name: string) => `Remove ${name}`,
    confirmTitle: (name: string) => `Remove ${name}?`,
    confirmBody: "They leave the call now, and all keys change, so that they can decrypt nothing from then on.",
    confirm: "Remove from call",
    cancel: "Cancel",
    removeFailed: (name: string) => `${name} could not be removed.`,
    everyone: "Only these devices hold the keys of this call.",
  },

  security: {
    title: "Security",
    code: "Call code",
    codePending: "Working out the code…",
    codeHelp:
      "Read it aloud and compare. If everybody has the same code, you all have the same keys and nobody sits in between. It changes whenever someone comes or goes.",
    epoch: "Key change",
    epochValue: (epoch: number) => `Number ${epoch}`,
    suite: "Encryption",
    postQuantum: "Post-quantum",
    holders: "Who can decrypt",
    holdersValue: (count: number) => (count === 1 ? "1 device, yours" : `${count} devices`),
    log: "What changed",
    logEmpty: "Nothing yet.",
    serverSees: "What the server sees",
    serverSeesItems: [
      "IP addresses, the room's number and when people are online",
      "how many are in the call, and who joins or leaves, by random numbers",
      "how much data each one sends, and when",
    ],
    serverCannot: "What it cannot see",
    serverCannotItems: [
      "sound, pictures and who is speaking",
      "your names, and whether you are muted",
      "the key in the link and every key of the call",
    ],
    limit: "The page itself comes from the server: whoever runs it could serve another page. Use one you trust.",
    logLine: {
      joined: (name: string, by: string | undefined) => (by ? `${name} joined, let in by ${by}` : `${name} joined`),
      left: (name: string, by: string | undefined) => (by ? `${name} left, keys changed by ${by}` : `${name} left`),
      removed: (name: string, by: string | undefined) => (by ? `${name} was removed by ${by}` : `${name} was removed`),
      keys: (name: string) => (name ? `${name} renewed the keys` : "The keys were renewed"),
      connection: (name: string) => (name === "lost" ? "Your connection was lost" : "Your connection is back"),
    },
    epochShort: (epoch: number) => `key change ${epoch}`,
  },

  crypto: {
    label: (state: CryptoState): string => CRYPTO_LABELS[state],
    spoken: (state: CryptoState, reason: string): string =>
      reason === "" ? CRYPTO_LABELS[state] : `${CRYPTO_LABELS[state].replace("…", "")}: ${reason}`,
  },

  ended: {
    title: (reason: EndReason): string => END_TITLES[reason],
    body: (reason: EndReason): string => END_BODIES[reason],
    again: "Come back in",
    retry: "Try again",
    home: "Start page",
  },
} as const;

const CRYPTO_LABELS: Record<CryptoState, string> = {
  secure: "Encrypted",
  waiting: "Securing…",
  failed: "Not secure",
};

const BOTH_NAME = "camera and microphone";

const KIND_NAMES: Record<DeviceKind, string> = { camera: "camera", microphone: "microphone" };

const DEVICE_TITLES: Record<DeviceProblem, (kind: string) => string> = {
  denied: (kind) => `The ${kind} is blocked`,
  busy: (kind) => `The ${kind} is busy`,
  missing: (kind) => `No ${kind} found`,
  insecure: (kind) => `No ${kind} on this address`,
  failed: (kind) => `The ${kind} does not start`,
};

const BOTH_TITLES: Record<DeviceProblem, string> = {
  denied: "Camera and microphone are blocked",
  busy: "Camera and microphone are busy",
  missing: "No camera and no microphone found",
  insecure: "No camera or microphone on this address",
  failed: "Camera and microphone do not start",
};

const DEVICE_HELP: Record<DeviceProblem, (kind: string) => string> = {
  denied: (kind) => `Allow the ${kind} with the icon beside the address, then try again.`,
  busy: (kind) => `Another program uses the ${kind}. Close it there, then try again.`,
  missing: (kind) => `Plug in a ${kind}, and we pick it up by ourselves.`,
  insecure: () => "Browsers give devices only to pages over https:// and on localhost.",
  failed: (kind) => `Unplug the ${kind} and plug it in again, or pick another one.`,
};

const END_TITLES: Record<EndReason, string> = {
  left: "You left the meeting",
  removed: "You were removed from the meeting",
  "room-full": "The meeting is full",
  "room-not-found": "This meeting does not exist",
  replaced: "You joined from another tab",
  refused: "The server refused",
  failed: "The call has ended",
};

const END_BODIES: Record<EndReason, string> = {
  left: "Your camera and microphone are off.",
  removed: "A host took you out. Your camera and microphone are off.",
  "room-full": "It holds as many people as this server allows. Try again when somebody has left.",
  "room-not-found": "The link is old, or it was copied in part. Ask for a new one.",
  replaced: "This tab is out of the call; the other one goes on.",
  refused: "It did not let this browser into the call.",
  failed: "Something went wrong on our side, and the call could not be continued.",
};
