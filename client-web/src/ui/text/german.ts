// German.

import type { Texts } from "./english.ts";
import { type DeviceProblemWords, pluralOf } from "./words.ts";

const plural = pluralOf("de");

const CAMERA: DeviceProblemWords = {
  denied: {
    title: "Die Kamera ist gesperrt",
    help: "Erlauben Sie die Kamera über das Symbol neben der Adresse und versuchen Sie es noch einmal.",
  },
  busy: {
    title: "Die Kamera ist belegt",
    help: "Ein anderes Programm benutzt die Kamera. Schließen Sie sie dort und versuchen Sie es noch einmal.",
  },
  missing: { title: "Keine Kamera gefunden", help: "Schließen Sie eine Kamera an, wir bemerken sie von selbst." },
  insecure: {
    title: "Keine Kamera unter dieser Adresse",
    help: "Browser geben Geräte nur Seiten mit https:// und auf localhost.",
  },
  failed: {
    title: "Die Kamera startet nicht",
    help: "Ziehen Sie die Kamera ab und stecken Sie sie wieder ein, oder wählen Sie eine andere.",
  },
};

const MICROPHONE: DeviceProblemWords = {
  denied: {
    title: "Das Mikrofon ist gesperrt",
    help: "Erlauben Sie das Mikrofon über das Symbol neben der Adresse und versuchen Sie es noch einmal.",
  },
  busy: {
    title: "Das Mikrofon ist belegt",
    help: "Ein anderes Programm benutzt das Mikrofon. Schließen Sie es dort und versuchen Sie es noch einmal.",
  },
  missing: { title: "Kein Mikrofon gefunden", help: "Schließen Sie ein Mikrofon an, wir bemerken es von selbst." },
  insecure: { title: "Kein Mikrofon unter dieser Adresse", help: CAMERA.insecure.help },
  failed: {
    title: "Das Mikrofon startet nicht",
    help: "Ziehen Sie das Mikrofon ab und stecken Sie es wieder ein, oder wählen Sie ein anderes.",
  },
};

const BOTH: DeviceProblemWords = {
  denied: {
    title: "Kamera und Mikrofon sind gesperrt",
    help: "Erlauben Sie Kamera und Mikrofon über das Symbol neben der Adresse und versuchen Sie es noch einmal.",
  },
  busy: {
    title: "Kamera und Mikrofon sind belegt",
    help: "Ein anderes Programm benutzt Kamera und Mikrofon. Schließen Sie sie dort und versuchen Sie es noch einmal.",
  },
  missing: {
    title: "Keine Kamera und kein Mikrofon gefunden",
    help: "Schließen Sie eine Kamera oder ein Mikrofon an, wir bemerken es von selbst.",
  },
  insecure: { title: "Weder Kamera noch Mikrofon unter dieser Adresse", help: CAMERA.insecure.help },
  failed: {
    title: "Kamera und Mikrofon starten nicht",
    help: "Ziehen Sie beide ab und stecken Sie sie wieder ein, oder wählen Sie andere.",
  },
};

export const german: Texts = {
  locale: "de",
  product: "Conclave",
  titles: { call: "In einer Besprechung" },

  landing: {
    title: "Videogespräche, die unter Ihnen bleiben.",
    lead: "Ton und Bild werden Ende zu Ende verschlüsselt, in Ihrem Browser. Der Server reicht sie weiter und kann nicht hineinsehen.",
    newMeeting: "Neue Besprechung",
    creating: "Raum wird geöffnet…",
    createFailed: "Der Server hat keinen Raum geöffnet. Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal.",
    linkLabel: "Link zur Besprechung",
    linkPlaceholder: "Link einfügen",
    openLink: "Öffnen",
    linkInvalid:
      "Das ist kein Link zu einer Besprechung hier. Ein ganzer Link hat ein # und dahinter einen langen Schlüssel.",
    linkIncomplete:
      "Diesem Link fehlt sein Schlüssel, der Teil hinter dem #. Bitten Sie um den ganzen Link und fügen Sie ihn hier ein.",
    points: [
      {
        title: "Verschlüsselt in Ihrem Browser",
        body: "Ton und Bild werden verschlossen, bevor sie dieses Gerät verlassen, und nur von den Menschen im Gespräch geöffnet.",
      },
      {
        title: "Der Schlüssel steht im Link",
        body: "Er bleibt hinter dem #, das Browser nie senden. Wer den ganzen Link hat, kann hereinkommen.",
      },
      {
        title: "Kein Konto, keine Installation",
        body: "Senden Sie den Link. Die anderen tippen einen Namen und treten bei.",
      },
    ],
  },

  unsupported: {
    title: "Dieser Browser kann nicht sicher teilnehmen",
    lead: "Conclave verschlüsselt im Browser und weicht nie auf unverschlüsselt aus. Diesem Browser fehlt:",
    advice: "Ein aktueller Chrome, Edge oder Firefox funktioniert, ebenso Safari auf Mac, iPhone oder iPad.",
    insecure:
      "Öffnen Sie die Seite über https:// (oder auf localhost): Nur dort erlauben Browser Verschlüsselung und Kameras.",
    features: {
      "secure-context": "ein sicherer Kontext (https oder localhost)",
      webassembly: "WebAssembly",
      workers: "Web Workers",
      websocket: "WebSocket",
      webrtc: "WebRTC (RTCPeerConnection)",
      "encoded-transforms": "Zugriff auf kodierte Bilder (RTCRtpScriptTransform)",
      "codec-preferences": "Wahl des Codecs (setCodecPreferences)",
      random: "sichere Zufallszahlen (crypto.getRandomValues)",
    },
  },

  prejoin: {
    title: "Bereit?",
    nameLabel: "Ihr Name",
    namePlaceholder: "So sehen Sie die anderen",
    nameMissing: "Tippen Sie zuerst einen Namen.",
    join: "Beitreten",
    preview: "Ihre Kamera",
    cameraOff: "Ihre Kamera ist aus",
    cameraStarting: "Ihre Kamera startet…",
    camera: "Kamera",
    microphone: "Mikrofon",
    speaker: "Lautsprecher",
    defaultDevice: "Standard des Systems",
    unnamedDevice: (kind, index) => `${kind} ${index}`,
    noDevice: "Nichts gefunden",
    level: "Pegel des Mikrofons",
    silent:
      "Wir hören nichts. Sprechen Sie lauter, prüfen Sie, ob das Mikrofon stumm ist, oder wählen Sie ein anderes.",
    testSpeaker: "Testen",
    testSpeakerLong: "Lautsprecher testen",
    retry: "Noch einmal",
    without: "Sie können auch ohne teilnehmen.",
    privacy: "Vor dem Beitreten sieht und hört Sie niemand.",
  },

  device: { camera: CAMERA, microphone: MICROPHONE, both: BOTH },

  controls: {
    label: "Bedienung des Gesprächs",
    mute: "Mikrofon stummschalten",
    unmute: "Mikrofon einschalten",
    cameraOff: "Kamera ausschalten",
    cameraOn: "Kamera einschalten",
    copyLink: "Link kopieren",
    copied: "Link kopiert",
    copyFailed: "Der Link ließ sich nicht kopieren. Kopieren Sie ihn aus der Adresszeile.",
    participants: "Teilnehmende",
    security: "Sicherheit",
    settings: "Einstellungen",
    chat: "Chat",
    reactions: "Reagieren",
    raiseHand: "Hand heben",
    lowerHand: "Hand senken",
    more: "Mehr",
    leave: "Verlassen",
    close: "Schließen",
    withKeys: (name, keys) => `${name} (${keys})`,
  },

  call: {
    grid: "Menschen im Gespräch",
    nameOfSelf: (name) => `${name} (Sie)`,
    unknown: "Unbekannt",
    host: "Gastgeber",
    muted: "Mikrofon aus",
    encrypted: "Ende zu Ende verschlüsselt",
    checking: "Verschlüsselung wird geprüft…",
    notSecure: (count) => plural(count, { one: "# Person nicht gesichert", other: "# Personen nicht gesichert" }),
    connecting: "Verbindung wird aufgebaut…",
    waiting: "Sie werden gleich hereingelassen…",
    waitingDetail: "Jemand im Gespräch muss Ihnen die Schlüssel geben. Das dauert einen Augenblick.",
    full: "Dieser Server ist gerade voll, wir versuchen es weiter…",
    fullDetail: "Er trägt so viele Menschen, wie er kann. Sie kommen herein, sobald Platz ist; Sie müssen nichts tun.",
    aloneTitle: "Noch ist niemand da",
    aloneBody: "Senden Sie den Link an die Menschen, die Sie treffen möchten.",
    copyInvitation: "Einladung kopieren",
    tapToHear: "Tippen, um zu hören",
    tapToHearDetail: "Ihr Browser hält den Ton zurück, bis Sie klicken.",
    cameraFailed: "Die Kamera startet nicht. Wählen Sie unter Einstellungen eine andere.",
    microphoneFailed: "Das Mikrofon startet nicht. Wählen Sie unter Einstellungen ein anderes.",
    reconnecting: "Verbindung wird wiederhergestellt…",
    reconnectingDetail: "Ihre Verbindung ist abgerissen. Wir versuchen es weiter; Sie müssen nichts tun.",
    recovered: "Sie sind wieder im Gespräch.",
    joined: (name) => `${name} ist da`,
    left: (name) => `${name} ist gegangen`,
    joinedMany: (count) => plural(count, { one: "# Person ist dazugekommen", other: "# Personen sind dazugekommen" }),
    leftMany: (count) => plural(count, { one: "# Person ist gegangen", other: "# Personen sind gegangen" }),
  },

  participants: {
    title: (count) => `Teilnehmende (${count})`,
    remove: (name) => `${name} entfernen`,
    confirmTitle: (name) => `${name} entfernen?`,
    confirmBody:
      "Die Person verlässt das Gespräch sofort, und alle Schlüssel ändern sich, sodass sie von da an nichts mehr entschlüsseln kann.",
    confirm: "Aus dem Gespräch entfernen",
    cancel: "Abbrechen",
    removeFailed: (name) => `${name} ließ sich nicht entfernen.`,
    everyone: "Nur diese Geräte haben die Schlüssel dieses Gesprächs.",
  },

  settings: {
    language: "Sprache",
    languageOfBrowser: "Wie im Browser",
    languageFailed: "Die Sprache ließ sich nicht laden. Prüfen Sie Ihre Verbindung.",
    theme: "Aussehen",
    themes: { system: "Wie im System", light: "Hell", dark: "Dunkel", contrast: "Hoher Kontrast" },
    pictures: "Bilder der anderen",
    pictureModes: { all: "In voller Qualität", small: "Klein, um Daten zu sparen", none: "Keine, nur Ton" },
    devices: "Geräte",
    display: "Anzeige",
    keyboard: "Tastatur",
    singleKeys: "Kürzel mit einer Taste",
    singleKeysDetail:
      "M schaltet stumm, mit der Leertaste sprechen Sie, solange Sie sie halten. Schalten Sie das aus, wenn Sie mit der Stimme oder einem Schalter arbeiten.",
  },

  connection: {
    title: "Verbindung",
    measuring: "Wird gemessen…",
    weak: "Schwache Verbindung",
    down: "Empfangen",
    up: "Gesendet",
    lossDown: "Verlust auf dem Weg zu Ihnen",
    lossUp: "Verlust auf dem Weg von Ihnen",
    delay: "Laufzeit zum Server und zurück",
    path: "Getragen von",
    rate: (value) => `${value} kbit/s`,
    ms: (value) => `${value} ms`,
    causes: {
      loss_down: "Auf dem Weg zu Ihnen gehen Pakete verloren. Näher am WLAN oder mit Kabel wird es besser.",
      loss_up: "Auf dem Weg von Ihnen gehen Pakete verloren: Die anderen sehen und hören Sie mit Lücken.",
      delay: "Alles braucht lange, bis es ankommt. Ein VPN oder ein fernes Netz kann der Grund sein.",
      narrow: "Ihre Leitung trägt Ihr Bild nicht in voller Qualität.",
      busy: "Dieses Gerät ist ausgelastet: Ihr Bild wird verkleinert. Schließen Sie, was Sie nicht brauchen.",
      tcp: "Das Netz lässt kein UDP durch; das Gespräch läuft über TCP und kann stocken.",
      good: "Ihre Verbindung ist gut.",
    },
  },

  stillThere: {
    title: "Sind Sie noch da?",
    body: (time) => `Sie sind allein in der Besprechung. In ${time} verlassen Sie sie.`,
    stay: "Ich bin da",
  },

  view: {
    grid: "Raster",
    speaker: "Sprecheransicht",
    showSelf: "Eigenes Bild zeigen",
    hideSelf: "Eigenes Bild verbergen",
    fullScreen: "Vollbild",
    leaveFullScreen: "Vollbild verlassen",
    pip: "Bild im Bild",
    leavePip: "Bild im Bild beenden",
    previousPage: "Vorige Seite",
    nextPage: "Nächste Seite",
    page: (page, pages) => `Seite ${page} von ${pages}`,
    options: (name) => `Optionen für ${name}`,
    pin: "Anheften",
    unpin: "Lösen",
    pinned: (name) => `${name} ist angeheftet`,
    unpinned: (name) => `${name} ist nicht mehr angeheftet`,
    pinMark: "Angeheftet",
    volume: "Lautstärke für mich",
    muteForMe: "Für mich stummschalten",
    unmuteForMe: "Für mich wieder einschalten",
    mutedForMe: "Für Sie stumm",
    talking: "Sie werden gehört, solange Sie die Taste halten",
  },

  hands: {
    queue: "Gehobene Hände",
    raised: (name) => `${name} hat die Hand gehoben`,
    selfRaised: "Ihre Hand ist oben",
    selfLowered: "Ihre Hand ist unten",
    mark: (place) => `Hand gehoben, Platz ${place} in der Reihe`,
  },

  reactions: {
    label: "Reaktionen",
    names: {
      thumbs_up: "Daumen hoch",
      heart: "Herz",
      laugh: "Lachen",
      surprise: "Staunen",
      applause: "Applaus",
      party: "Feier",
    },
    said: (name, reaction) => `${name}: ${reaction}`,
  },

  chat: {
    title: "Chat",
    messages: "Nachrichten",
    unread: (count) => plural(count, { one: "# neue Nachricht", other: "# neue Nachrichten" }),
    empty: "Noch keine Nachrichten",
    about:
      "Nachrichten sind verschlüsselt wie das Gespräch und werden nirgends aufbewahrt. Wer später kommt, sieht sie nicht.",
    write: "Nachricht",
    placeholder: "An alle schreiben",
    send: "Senden",
    you: "Sie",
    reply: "Antworten",
    replyTo: (name) => `Antwort an ${name}`,
    edit: "Bearbeiten",
    editing: "Ihre Nachricht ändern",
    save: "Speichern",
    cancel: "Abbrechen",
    edited: "bearbeitet",
    waiting: "Geht hinaus, sobald Sie wieder verbunden sind",
    lost: "Eine Nachricht, die nicht mehr da ist",
    tooLong: (most) => plural(most, { other: "Eine Nachricht fasst # Zeichen." }),
    tooMany: "Etwas langsamer: So viele Nachrichten kämen bei den anderen nicht an.",
    said: (name, words) => `${name}: ${words}`,
  },

  shortcuts: {
    title: "Tastenkürzel",
    microphone: "Mikrofon ein oder aus",
    camera: "Kamera ein oder aus",
    talk: "Sprechen, solange Sie sie halten",
    hand: "Hand heben oder senken",
    chat: "Chat",
    participants: "Teilnehmende",
    layout: "Raster oder Sprecheransicht",
    fullScreen: "Vollbild",
    help: "Diese Liste",
    space: "Leertaste",
    control: "Strg",
    or: "oder",
    note: "Einzelne Tasten wirken, während Sie nicht tippen. Unter Einstellungen lassen sie sich ausschalten.",
  },

  security: {
    title: "Sicherheit",
    code: "Code des Gesprächs",
    codePending: "Der Code wird berechnet…",
    codeHelp:
      "Lesen Sie ihn vor und vergleichen Sie. Haben alle denselben Code, haben Sie alle dieselben Schlüssel, und niemand sitzt dazwischen. Er ändert sich, sobald jemand kommt oder geht.",
    epoch: "Schlüsselwechsel",
    epochValue: (epoch) => `Nummer ${epoch}`,
    suite: "Verschlüsselung",
    postQuantum: "Post-Quanten",
    holders: "Wer entschlüsseln kann",
    holdersValue: (count) => (count === 1 ? "1 Gerät, Ihres" : plural(count, { other: "# Geräte" })),
    log: "Was sich geändert hat",
    logEmpty: "Noch nichts.",
    serverSees: "Was der Server sieht",
    serverSeesItems: [
      "IP-Adressen, die Nummer des Raums und wann jemand verbunden ist",
      "wie viele im Gespräch sind und wer kommt oder geht, als Zufallszahlen",
      "wie viele Daten jeder sendet und wann",
    ],
    serverCannot: "Was er nicht sehen kann",
    serverCannotItems: [
      "Ton, Bilder und wer spricht",
      "Ihre Namen, Nachrichten, und ob Sie stumm sind",
      "den Schlüssel im Link und alle Schlüssel des Gesprächs",
    ],
    limit:
      "Die Seite selbst kommt vom Server: Wer ihn betreibt, könnte eine andere ausliefern. Benutzen Sie einen, dem Sie trauen.",
    logLine: {
      joined: (name) => `${name} kam dazu`,
      joinedBy: (name, by) => `${name} kam dazu, hereingelassen von ${by}`,
      left: (name) => `${name} ging`,
      leftBy: (name, by) => `${name} ging, Schlüssel gewechselt von ${by}`,
      lost: "Ihre Verbindung riss ab",
      recovered: "Ihre Verbindung ist wieder da",
    },
    epochShort: (epoch) => `Schlüsselwechsel ${epoch}`,
  },

  crypto: {
    label: { secure: "Verschlüsselt", waiting: "Wird gesichert…", failed: "Nicht sicher" },
    spoken: {
      secure: (reason) => `Verschlüsselt: ${reason}`,
      waiting: (reason) => `Wird gesichert: ${reason}`,
      failed: (reason) => `Nicht sicher: ${reason}`,
    },
    reason: {
      not_admitted: "Sie werden gleich hereingelassen.",
      unconfirmed_keys: "Seit Ihrer Rückkehr hat niemand die Schlüssel des Gesprächs bestätigt.",
      unconfirmed_media: "Es wird nichts gesendet, bis die Verschlüsselung Ihrer Medien bestätigt ist.",
      sending: "Was Sie senden, ist Ende zu Ende verschlüsselt.",
      no_admission: "Die Person hat nicht gezeigt, dass sie den Link der Besprechung kennt.",
      connection_lost: "Die Verbindung der Person ist abgerissen.",
      first_frame: "Warten auf das erste verschlüsselte Bild.",
      receiving: "Was ankommt, öffnet sich mit dem jetzigen Schlüssel des Gesprächs.",
      unseen: "Mitglied der verschlüsselten Gruppe; was es sendet, ist nicht auf Ihrem Bildschirm.",
      silent: "Mitglied der verschlüsselten Gruppe, sendet nichts.",
      no_key: "Der Schlüssel für diese Medien ist noch nicht da.",
      unknown_kid_expired: "Der Schlüssel für diese Medien kam nicht rechtzeitig.",
      bad_header: "Was ankommt, ist nicht Ende zu Ende verschlüsselt; es wird nicht abgespielt.",
      replay: "Alte Bilder wurden noch einmal gesendet; sie werden nicht abgespielt.",
      too_old: "Was ankommt, kommt zu spät für eine Prüfung; es wird nicht abgespielt.",
      auth_fail: "Was ankommt, wurde nicht mit dem Schlüssel dieses Gesprächs verschlüsselt; es wird nicht abgespielt.",
      wrong_leaf: "Was ankommt, hat jemand anderes verschlüsselt; es wird nicht abgespielt.",
      wrong_ctx: "Was ankommt, gehört zu einer anderen Spur; es wird nicht abgespielt.",
      codec_unprotectable: "Was ankommt, lässt sich nicht prüfen; es wird nicht abgespielt.",
      epoch_retired: "Was ankommt, wurde mit einem abgelaufenen Schlüssel verschlüsselt; es wird nicht abgespielt.",
      transform_not_running: "Der Browser führt die Entschlüsselung nicht aus.",
    },
  },

  ended: {
    title: {
      left: "Sie haben die Besprechung verlassen",
      removed: "Sie wurden aus der Besprechung entfernt",
      "room-full": "Die Besprechung ist voll",
      "room-not-found": "Diese Besprechung gibt es nicht",
      replaced: "Sie sind in einem anderen Tab beigetreten",
      refused: "Der Server hat abgelehnt",
      failed: "Das Gespräch ist beendet",
    },
    body: {
      left: "Kamera und Mikrofon sind aus.",
      removed: "Ein Gastgeber hat Sie herausgenommen. Kamera und Mikrofon sind aus.",
      "room-full": "Mehr Menschen erlaubt dieser Server nicht. Versuchen Sie es wieder, wenn jemand gegangen ist.",
      "room-not-found": "Der Link ist alt oder nur zum Teil kopiert. Bitten Sie um einen neuen.",
      replaced: "Dieser Tab ist nicht mehr im Gespräch; im anderen geht es weiter.",
      refused: "Er hat diesen Browser nicht ins Gespräch gelassen.",
      failed: "Bei uns ging etwas schief, und das Gespräch ließ sich nicht fortsetzen.",
    },
    again: "Wieder hinein",
    retry: "Noch einmal",
    home: "Startseite",
  },
};
