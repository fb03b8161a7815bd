// German.

import type { Texts } from "./english.ts";
import { type DeviceProblemWords, numberOf, pluralOf } from "./words.ts";

const plural = pluralOf("de");
const number = numberOf("de");

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
    options: "Optionen für eine neue Besprechung",
    passcode: "Kenncode",
    passcodeDetail: "Freiwillig. Teilen Sie ihn auf einem anderen Weg mit als den Link. Er erreicht den Server nie.",
    passcodeShort: "Ein Kenncode hat mindestens 4 Zeichen.",
    lobby: "Warteraum",
    lobbyDetail: "Sie lassen jede Person selbst herein. Bis dahin wartet sie.",
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

  lobby: {
    lobby: "Warteraum",
    lobbyDetail: "Sie lassen jede Person selbst herein. Bis dahin wartet sie.",
    knocks: (name) => `${name} möchte herein`,
    knockMany: (count) => plural(count, { one: "# Person möchte herein", other: "# Personen möchten herein" }),
    title: (count) => `Warten auf Einlass (${count})`,
    admit: "Hereinlassen",
    admitAll: "Alle hereinlassen",
    denyOne: (name) => `${name} abweisen`,
    look: "Ansehen",
    waiting: "Die Leitung lässt Sie herein",
    waitingDetail: "Sie sieht, dass Sie da sind, sobald sie es ist. Sie müssen nichts weiter tun.",
  },

  link: {
    title: "Der Link",
    ends: "Lässt neue Personen herein",
    during: (span) => `für ${span}`,
    until: (moment) => `bis ${moment}`,
    never: "Ohne Ende",
    guests: "Gäste höchstens",
    anyNumber: "Beliebig viele",
    used: (count) =>
      plural(count, { one: "Er hat bisher # Gast hereingelassen.", other: "Er hat bisher # Gäste hereingelassen." }),
  },
  burn: {
    burn: "Besprechung vernichten",
    burnTitle: "Besprechung endgültig vernichten?",
    burnBody:
      "Alle verlassen sie jetzt. Schlüssel, Chat und Dateien verschwinden von jedem Bildschirm und vom Server, und der Link gilt nie wieder. Kopien, die jemand gemacht hat, bleiben.",
    receipt: "Quittung",
    gone: [
      "Die Schlüssel des Gesprächs sind von diesem Gerät verschwunden.",
      "Chat und Dateien sind von dieser Seite und vom Server verschwunden.",
      "Der Link ist tot: Der Server behält nur einen Hash der Raumnummer, einen Monat lang.",
    ],
    compare: "Alle, die dabei waren, sehen dieselbe Nummer:",
  },
  moderation: {
    title: "Leitung",
    roles: { host: "Leitung", co_host: "Co-Leitung", member: "Mitglied", viewer: "Zuschauer" },
    everybody: "Teilnehmende dürfen nutzen",
    allow: { microphone: "Mikrofon", camera: "Kamera", screen: "Bildschirmfreigabe" },
    enforced:
      "Leitung und Co-Leitung dürfen immer. Der Server verwirft, was nicht erlaubt ist, was auch immer ein Programm sendet.",
    recording: "Mitglieder dürfen aufnehmen",
    recordingDetail:
      "Ihre Programme halten sich daran, und alle sehen, wer aufnimmt. Den Bildschirm abfilmen kann trotzdem jeder.",
    lowerAllHands: "Alle Hände senken",
    door: "Wer hereinkommt",
    lock: "Besprechung abschließen",
    lockDetail: "Niemand Neues kommt herein. Wer die Verbindung verloren hat, kommt weiterhin zurück.",
    end: "Beenden",
    endForAll: "Für alle beenden",
    endTitle: "Die Besprechung für alle beenden?",
    endBody: "Alle verlassen sie jetzt, und niemand kann dieses Gespräch fortsetzen. Der Link öffnet ein neues.",
    ban: "Entfernen und fernhalten",
    banTitle: (name) => `${name} entfernen und fernhalten?`,
    banBody:
      "Die Person verlässt das Gespräch jetzt, und währenddessen kommt niemand Neues von ihrer Internetadresse herein. Von einer anderen ginge es; wer sicher sein will, schließt die Besprechung ab.",
    menu: {
      stop: { microphone: "Mikrofon ausschalten", camera: "Kamera ausschalten", screen: "Bildschirmfreigabe beenden" },
      allow: { microphone: "Mikrofon erlauben", camera: "Kamera erlauben", screen: "Bildschirmfreigabe erlauben" },
      lowerHand: "Hand senken",
      makeRole: { co_host: "Zur Co-Leitung machen", member: "Zum Mitglied machen", viewer: "Zum Zuschauer machen" },
    },
    failed: "Das ließ sich nicht festlegen.",
    becameRole: (role) => `Sie sind jetzt: ${role}`,
    nowLocked: "Die Besprechung ist abgeschlossen",
    nowUnlocked: "Die Besprechung ist wieder offen",
    allowedAgain: {
      microphone: "Sie dürfen Ihr Mikrofon wieder nutzen",
      camera: "Sie dürfen Ihre Kamera wieder nutzen",
      screen: "Sie dürfen Ihren Bildschirm wieder freigeben",
    },
    silenced: {
      microphone: "Die Leitung hat Ihr Mikrofon ausgeschaltet",
      camera: "Die Leitung hat Ihre Kamera ausgeschaltet",
      screen: "Die Leitung hat Ihre Bildschirmfreigabe beendet",
    },
    notAllowed: {
      microphone: "Die Leitung hat Mikrofone ausgeschaltet. Heben Sie die Hand, um zu fragen.",
      camera: "Die Leitung hat Kameras ausgeschaltet. Heben Sie die Hand, um zu fragen.",
      screen: "Die Leitung hat Bildschirmfreigaben ausgeschaltet. Heben Sie die Hand, um zu fragen.",
    },
    handLowered: (name) => `${name} hat Ihre Hand gesenkt`,
  },

  share: {
    start: "Bildschirm freigeben",
    stop: "Freigabe beenden",
    of: (name) => `Bildschirm von ${name}`,
    started: (name) => `${name} gibt den Bildschirm frei`,
    stopped: (name) => `${name} hat die Freigabe beendet`,
    selfStarted: "Sie geben Ihren Bildschirm frei",
    selfStopped: "Ihre Bildschirmfreigabe ist beendet",
    content: "Was Sie freigeben",
    contents: { text: "Text und Bilder, scharf", motion: "Video, flüssig" },
    coming: "Der Bildschirm kommt gleich…",
    picturesOff: "Sie haben Bilder in den Einstellungen ausgeschaltet.",
    blocked:
      "Ihr System lässt den Browser den Bildschirm nicht freigeben. Erlauben Sie es in den Systemeinstellungen unter Datenschutz.",
    failed: "Der Bildschirm konnte nicht freigegeben werden.",
  },

  steps: {
    on: (system, browser) => `Unter ${system} mit ${browser}:`,
    allow: {
      chrome:
        "Wählen Sie das Symbol links neben der Adresse, erlauben Sie Kamera und Mikrofon, und laden Sie die Seite neu.",
      firefox:
        "Wählen Sie links neben der Adresse die durchgestrichene Kamera oder das Mikrofon, und heben Sie „Blockiert“ auf.",
      safari: "Öffnen Sie Safari › Einstellungen › Websites, und erlauben Sie Kamera und Mikrofon für diese Adresse.",
      ios: "Tippen Sie auf das Seitenmenü neben der Adresse, dann auf die Website-Einstellungen, und erlauben Sie Kamera und Mikrofon.",
      android:
        "Tippen Sie auf das Symbol links neben der Adresse, dann auf Berechtigungen, und erlauben Sie Kamera und Mikrofon.",
    },
    permit: {
      windows: () =>
        "Im System: Öffnen Sie Einstellungen › Datenschutz und Sicherheit › Kamera, und dort auch Mikrofon, und lassen Sie Desktop-Apps zu.",
      macos: (browser) =>
        `Im System: Öffnen Sie Systemeinstellungen › Datenschutz & Sicherheit › Kamera, und dort auch Mikrofon, schalten Sie ${browser} ein, und starten Sie ${browser} neu.`,
      ios: (browser) =>
        `Im System: Öffnen Sie Einstellungen › Apps › ${browser}, und schalten Sie Kamera und Mikrofon ein.`,
      android: (browser) =>
        `Im System: Öffnen Sie Einstellungen › Apps › ${browser} › Berechtigungen, und erlauben Sie Kamera und Mikrofon.`,
      linux: (browser) =>
        `Im System: Kam ${browser} als Flatpak oder Snap, erlauben Sie ihm Kamera und Mikrofon in den Einstellungen unter Apps.`,
    },
    close: {
      windows:
        "Schließen Sie Teams, Zoom, die Kamera-App und andere Tabs: Windows gibt eine Kamera nur einem Programm zugleich.",
      other: "Schließen Sie andere Programme und Tabs, die das Gerät nutzen.",
    },
    restart: "Ist es immer noch belegt: abziehen und wieder anstecken, oder das Gerät neu starten.",
    find: {
      windows:
        "Sehen Sie unter Einstellungen › Bluetooth und Geräte › Kameras und unter System › Sound nach, ob Windows es kennt.",
      macos:
        "Sehen Sie unter Systemeinstellungen › Ton › Eingabe nach, ob macOS es kennt. Mit geschlossenem Deckel hat ein MacBook keine Kamera.",
      ios: "Prüfen Sie unter Einstellungen › Bluetooth, ob Ihr Headset verbunden ist.",
      android: "Prüfen Sie unter Einstellungen › Verbundene Geräte, ob Ihr Headset verbunden ist.",
      linux:
        "Sehen Sie unter Einstellungen › Klang nach, ob das System es kennt, und prüfen Sie Kabel und Schalter am Gerät.",
    },
  },

  noise: {
    label: "Rauschunterdrückung",
    detail: "Nimmt Lüfter, Tastatur und Verkehr aus Ihrer Stimme. Für Musik ausschalten.",
    notHere: "Dieser Browser lässt einer Seite keine Wahl; er entscheidet selbst.",
  },

  paused: {
    downlink: "Angehalten: Ihre Verbindung ist langsam",
    load: "Angehalten: der Server ist ausgelastet",
  },

  interruption: {
    camera: "Das System hat Ihre Kamera angehalten, vielleicht für einen Anruf. Sie kommt von selbst zurück.",
    microphone: "Das System hat Ihr Mikrofon angehalten, vielleicht für einen Anruf. Es kommt von selbst zurück.",
    both: "Das System hat Kamera und Mikrofon angehalten, vielleicht für einen Anruf. Sie kommen von selbst zurück.",
    theirs: {
      camera: "Die Kamera dort hat das System angehalten, vielleicht für einen Anruf.",
      microphone: "Das Mikrofon dort hat das System angehalten, vielleicht für einen Anruf.",
      both: "Kamera und Mikrofon dort hat das System angehalten, vielleicht für einen Anruf.",
    },
  },

  background: {
    label: "Hintergrund weichzeichnen",
    detail: "Macht den Raum hinter Ihnen auf diesem Gerät unkenntlich. Gelingt das nicht, bleibt die Kamera aus.",
    notHere: "Dieser Browser kann die Bilder einer Kamera nicht verändern.",
    slow: "Dieses Gerät ist dafür langsam, Ihr Bild ruckelt. Der Hintergrund bleibt verborgen.",
    failed: {
      title: "Der Hintergrund lässt sich nicht weichzeichnen",
      help: "Ihre Kamera ist aus, damit niemand den Raum sieht. Versuchen Sie es noch einmal oder schalten Sie das Weichzeichnen aus.",
    },
  },

  check: {
    open: "Verbindung testen",
    title: "Verbindungstest",
    lead: "Er öffnet einen eigenen Raum auf diesem Server und ruft sich dort mit einem erfundenen Bild selbst an. Das dauert etwa eine halbe Minute.",
    browser: "Browser:",
    server: "Server:",
    udp: "Medien über UDP:",
    tcp: "Medien über TCP:",
    call: "Verschlüsselter Testanruf:",
    works: "funktioniert",
    noAnswer: "antwortet nicht",
    noPicture: "kein verschlüsseltes Bild kam zurück",
    marks: {
      waiting: "noch nicht getestet",
      running: "wird getestet…",
      good: "funktioniert",
      bad: "funktioniert nicht",
    },
    paths: {
      closed: "es kam nichts durch",
      not_offered: "dieser Server bietet es nicht an",
      no_answer: "der Server hat nicht geantwortet",
    },
    carried: (up, down, loss) => `${up} gesendet, ${down} empfangen, ${loss} verloren`,
    running: "Der Test läuft…",
    verdicts: {
      browser:
        "Diesem Browser fehlt etwas, das ein sicheres Gespräch braucht. Ein aktueller Chrome, Edge, Firefox oder Safari kann es.",
      server: "Der Server antwortet nicht. Prüfen Sie Ihre Verbindung oder fragen Sie, wer den Server betreibt.",
      blocked:
        "Weder UDP noch TCP erreicht die Medien des Servers: Sie könnten beitreten, aber weder sehen noch hören. Vielleicht ist eine Firewall der Grund; wer Ihr Netz betreibt, kann den Weg öffnen.",
      no_picture:
        "Der Server ist erreichbar, aber binnen einer halben Minute kam kein verschlüsseltes Bild zurück. Schließen Sie, was sonst läuft, und testen Sie noch einmal.",
      tcp_only: "Gespräche funktionieren. Ihr Netz lässt kein UDP durch, darum gehen sie über TCP und können stocken.",
      narrow:
        "Gespräche funktionieren, aber Ihre Leitung trägt wenig: Wählen Sie in den Einstellungen kleine Bilder der anderen.",
      lossy: "Gespräche funktionieren, aber Pakete gehen verloren: näher am WLAN oder per Kabel ist es besser.",
      good: "Alles funktioniert: Sie können in voller Qualität teilnehmen.",
    },
    save: "Bericht speichern",
    again: "Noch einmal testen",
    redacted:
      "Der Bericht enthält keine Adressen, keine Namen und keine Schlüssel. Er bleibt auf diesem Gerät, bis Sie ihn jemandem geben.",
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
      "Nachrichten sind verschlüsselt wie das Gespräch und werden nirgends aufbewahrt. Wer später kommt, sieht sie nicht. Dateien warten verschlüsselt auf dem Server, bis alle sie haben.",
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
    left: (count) => plural(count, { one: "Noch Platz für # Zeichen", other: "Noch Platz für # Zeichen" }),
    doesNotFit: (length, most) =>
      `Dieser Text hat ${number(length)} Zeichen, eine Nachricht fasst ${number(most)}. Es wurde nichts gesendet.`,
    remove: "Für alle löschen",
    burns: "Verschwindet, wenn alle sie gelesen haben",
    goneAt: (time) => `Verschwindet um ${time}`,
    readBy: (count) => plural(count, { one: "Von # Person gelesen", other: "Von # Personen gelesen" }),
    readByAll: "Von allen gelesen",
    tooMany: "Etwas langsamer: So viele Nachrichten kämen bei den anderen nicht an.",
    said: (name, words) => `${name}: ${words}`,
  },

  ending: {
    title: "Wann Nachrichten verschwinden",
    forAll: "Nachrichten von allen (Sie leiten das Treffen)",
    forMine: "Ihre Nachrichten",
    after: "Verschwinden nach",
    never: "Erst am Ende des Anrufs",
    burn: "30 Sekunden nach dem Lesen verschwinden lassen",
    all: (time) => `Nachrichten verschwinden nach: ${time}.`,
    allBurn: "Nachrichten verschwinden 30 Sekunden nach dem Lesen.",
    nothing: "Nachrichten bleiben bis zum Ende des Anrufs.",
    honest: "Sie verschwinden von jedem Bildschirm und vom Server. Eine Kopie, die jemand davon gemacht hat, bleibt.",
  },

  files: {
    attach: "Datei anhängen",
    drop: "Dateien hier ablegen, um sie an alle zu senden",
    uploads: "Dateien, die gesendet werden",
    sending: (name) => `${name} wird gesendet`,
    receiving: (name) => `${name} wird empfangen`,
    progress: (done, total) => `${done} von ${total}`,
    cancel: (name) => `${name} abbrechen`,
    download: (name) => `${name} herunterladen`,
    saved: "Gespeichert",
    picture: (name) => `Bild ${name}`,
    pasted: "Text",
    sendAsFile: "Als Datei senden",
    tooLarge: (size, limit) =>
      `Diese Datei hat ${size}, dieser Server nimmt Dateien bis ${limit} an. Es wurde nichts gesendet.`,
    problems: {
      too_large: "Diese Datei ist größer, als dieser Server annimmt.",
      too_many: "Zu viele Dateien auf einmal. Warten Sie, bis einige angekommen sind.",
      no_room: "Der Server hat gerade keinen Platz für weitere Dateien.",
      gone: "Diese Datei ist nicht mehr da.",
      not_readable: "Diese Datei lässt sich nicht lesen oder wurde unterwegs beschädigt.",
      not_here: "Dieser Server gibt keine Dateien weiter.",
      network: "Die Verbindung war zu schlecht für diese Datei. Versuchen Sie es noch einmal.",
    },
  },

  polls: {
    create: "Eine Frage stellen",
    question: "Frage",
    option: (place) => `Antwort ${number(place)}`,
    addOption: "Antwort hinzufügen",
    multiple: "Mehrere Antworten sind erlaubt",
    open: "Alle sehen, wer was gewählt hat.",
    incomplete: "Eine Umfrage braucht eine Frage und zwei verschiedene Antworten.",
    ask: "Fragen",
    voters: (count) => plural(count, { one: "# Stimme", other: "# Stimmen" }),
    votes: (count) => plural(count, { other: "#" }),
    ended: (count) => plural(count, { one: "Beendet mit # Stimme", other: "Beendet mit # Stimmen" }),
    who: "Wer was gewählt hat",
    end: "Umfrage beenden",
  },

  shortcuts: {
    title: "Tastenkürzel",
    microphone: "Mikrofon ein oder aus",
    camera: "Kamera ein oder aus",
    talk: "Sprechen, solange Sie sie halten",
    share: "Bildschirm freigeben",
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
    ledger: {
      address: "Ihre Internetadresse",
      addressOf: (address) => `Ihre Internetadresse: ${address}`,
      room: (room) => `die Nummer des Raums: ${room}`,
      people: (count) =>
        plural(count, {
          one: "dass # Gerät im Gespräch ist, unter einer Zufallszahl",
          other: "dass # Geräte im Gespräch sind, unter Zufallszahlen",
        }),
      changes: (epoch) => `dass die Schlüssel ${number(epoch)}-mal gewechselt wurden, und wann`,
      sound: (size, packets) => `dass Sie ${size} verschlüsselten Ton in ${number(packets)} Paketen gesendet haben`,
      pictures: (size, packets) =>
        `dass Sie ${size} verschlüsselte Bilder in ${number(packets)} Paketen gesendet haben`,
      received: (size, packets) => `dass ${size} in ${number(packets)} Paketen zu Ihnen gingen`,
      roles: "wer die Leitung hat und was jedes Gerät senden darf",
      sizes: "wie groß jedes Bild auf Ihrem Bildschirm ist",
      messages: "wann Nachrichten und Dateien gesendet werden und wie lang sie ungefähr sind",
    },
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
      keys: "Die Schlüssel wurden gewechselt",
      keysBy: (by) => `${by} wechselte die Schlüssel`,
      cameBack: (name) => `${name} kam mit dem Schlüssel im Link herein`,
      lost: "Ihre Verbindung riss ab",
      recovered: "Ihre Verbindung ist wieder da",
    },
    epochShort: (epoch) => `Schlüsselwechsel ${epoch}`,
  },

  trust: {
    showQr: "Als QR-Code zeigen",
    qr: "Der Code des Gesprächs als QR-Code",
    qrOf: (name) => `Sicherheitsnummer mit ${name} als QR-Code`,
    people: "Sicherheitsnummern",
    peopleHelp:
      "Eine für Sie und jede Person. Vergleichen Sie sie einmal, von Angesicht zu Angesicht oder am Telefon: Dieselbe Nummer auf beiden Bildschirmen heißt, dass niemand an ihrer Stelle ist.",
    pending: "Die Nummer wird berechnet…",
    none: "Es gibt keine Nummer: Einer von Ihnen hat keinen Schlüssel gezeigt.",
    lasting: "Beide Geräte werden wiedererkannt: Diese Nummer bleibt in späteren Gesprächen dieselbe.",
    once: "Diese Nummer gilt nur für dieses Gespräch: Das andere Gerät wird nicht wiedererkannt.",
    onceSelf: "Diese Nummer gilt nur für dieses Gespräch: Ihr Gerät wird nicht wiedererkannt.",
    verify: "Die Nummern sind gleich",
    unverify: "Markierung entfernen",
    verified: "Überprüft",
    nowVerified: (name) => `${name} ist als überprüft markiert`,
    notVerified: (name) => `${name} ist nicht mehr als überprüft markiert`,
    changed: (name) => `${name} ist nicht an dem Gerät, das Sie überprüft haben`,
    changedMark: "Anderes Gerät",
    changedHelp:
      "Jemand mit diesem Namen wurde mit einem anderen Schlüssel überprüft. Es kann ein neues Gerät sein oder jemand anderes: Vergleichen Sie die Nummer noch einmal.",
    unheardMark: "Meldet sich nicht",
    unheardHelp:
      "Das Gerät dieser Person hat seit einer Weile nicht gezeigt, dass es da ist und die jetzigen Schlüssel hat. Vielleicht ist die Verbindung weg, oder der Server hält es fern. Fragen Sie nach, ob man Sie hört.",
    remember: "Andere sollen dieses Gerät wiedererkennen",
    rememberHelp:
      "Ab Ihrem nächsten Gespräch, mit einem Schlüssel, der diesen Browser nie verlässt. Alle, die Sie treffen, merken dann, dass Sie es wieder sind; lassen Sie es aus, wo Sie unbekannt bleiben wollen.",
    rememberFailed: "Dieser Browser kann einen solchen Schlüssel nicht aufbewahren.",
  },

  recording: {
    start: "Besprechung aufnehmen",
    stop: "Aufnahme beenden",
    own: "Sie nehmen diese Besprechung auf. Alle sehen das.",
    other: (name) => `${name} nimmt diese Besprechung auf.`,
    many: (count) => plural(count, { other: "# Personen nehmen diese Besprechung auf." }),
    mark: "Nimmt auf",
    unsupported: "Dieser Browser kann keine Besprechung aufnehmen.",
    notAllowed: "Die Gastgeber erlauben Mitgliedern nicht, dieses Treffen aufzunehmen.",
    ended: "Ein Gastgeber hat Ihre Aufnahme beendet: Mitglieder dürfen nicht mehr aufnehmen. Sie wurde gespeichert.",
    notConnected: "Sie sind nicht verbunden, niemand könnte es erfahren. Es wird nichts aufgenommen.",
    inMemory: (size) => `Die Aufnahme bleibt im Arbeitsspeicher, bis zu ${size}, und wird am Ende gespeichert.`,
    full: "Für mehr ist kein Platz. Die Aufnahme wurde beendet und gespeichert.",
    failed: "Die Aufnahme brach ab. Gespeichert wurde, was möglich war.",
    silent: "Die Aufnahme hat keinen Ton, denn der Browser fand nichts, worauf er Ton abspielen kann.",
    saved: "Die Aufnahme wurde auf diesem Gerät gespeichert.",
  },

  captions: {
    title: "Untertitel",
    show: "Untertitel zeigen",
    hide: "Untertitel ausblenden",
    nowShown: "Untertitel werden gezeigt",
    notShown: "Untertitel sind ausgeblendet",
    nothing: "Hier steht, was jemand sagt, dessen Gerät es mitschreibt.",
    ownStart: "Mitschreiben, was ich sage",
    ownStop: "Nicht mehr mitschreiben",
    ownOn: "Ihr Gerät schreibt mit, was Sie sagen, und sendet es verschlüsselt an die Gruppe.",
    ownOff: "Was Sie sagen, wird nicht mehr mitgeschrieben",
    loading: "Der Browser lädt, was er für Ihre Sprache braucht…",
    failed: "Der Browser hat aufgehört mitzuschreiben.",
    problems: {
      no_recognition: "Dieser Browser kann Sprache nicht mitschreiben.",
      only_elsewhere:
        "Dieser Browser würde Ihre Stimme zum Mitschreiben an seinen Hersteller senden. Das geschieht hier nicht.",
      no_language: "Dieser Browser kann Ihre Sprache auf diesem Gerät nicht mitschreiben.",
    },
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
      banned: "Sie wurden aus der Besprechung entfernt",
      burnt: "Dieser Raum wurde vernichtet",
      expired: "Dieser Link ist abgelaufen",
      "used-up": "Dieser Link ist aufgebraucht",
      "wrong-passcode": "Der Kenncode ist falsch",
      denied: "Sie wurden nicht hereingelassen",
      locked: "Die Besprechung ist abgeschlossen",
      ended: "Die Besprechung wurde beendet",
      failed: "Das Gespräch ist beendet",
    },
    body: {
      left: "Kamera und Mikrofon sind aus.",
      removed: "Ein Gastgeber hat Sie herausgenommen. Kamera und Mikrofon sind aus.",
      "room-full": "Mehr Menschen erlaubt dieser Server nicht. Versuchen Sie es wieder, wenn jemand gegangen ist.",
      "room-not-found": "Der Link ist alt oder nur zum Teil kopiert. Bitten Sie um einen neuen.",
      replaced: "Dieser Tab ist nicht mehr im Gespräch; im anderen geht es weiter.",
      refused: "Er hat diesen Browser nicht ins Gespräch gelassen.",
      banned: "Die Leitung hat Sie entfernt, und während dieses Gesprächs kommt niemand von dieser Adresse herein.",
      burnt: "Eine Gastgeberin oder ein Gastgeber hat ihn endgültig beendet. Er lässt sich nicht wieder öffnen.",
      expired: "Seine Frist ist vorbei. Bitten Sie um einen neuen Link.",
      "used-up": "Er hat so viele Personen hereingelassen wie erlaubt. Bitten Sie um einen neuen Link.",
      "wrong-passcode":
        "Die Teilnehmenden konnten nicht öffnen, was Sie gesendet haben. Prüfen Sie den Kenncode und versuchen Sie es erneut.",
      denied: "Die Leitung hat so entschieden. Fragen Sie nach oder versuchen Sie es erneut.",
      locked: "Die Leitung lässt niemand Neues herein. Bitten Sie darum, zu öffnen, und versuchen Sie es dann erneut.",
      ended: "Die Leitung hat sie für alle beendet. Kamera und Mikrofon sind aus.",
      failed: "Bei uns ging etwas schief, und das Gespräch ließ sich nicht fortsetzen.",
    },
    again: "Wieder hinein",
    retry: "Noch einmal",
    home: "Startseite",
  },
};
