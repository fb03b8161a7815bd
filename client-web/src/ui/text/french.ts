// French.

import type { Texts } from "./english.ts";
import { type DeviceProblemWords, numberOf, pluralOf } from "./words.ts";

const plural = pluralOf("fr");
const number = numberOf("fr");

const CAMERA: DeviceProblemWords = {
  denied: {
    title: "La caméra est bloquée",
    help: "Autorisez la caméra avec l’icône à côté de l’adresse, puis réessayez.",
  },
  busy: {
    title: "La caméra est occupée",
    help: "Un autre programme utilise la caméra. Fermez-la là-bas, puis réessayez.",
  },
  missing: { title: "Aucune caméra trouvée", help: "Branchez une caméra, nous la détectons aussitôt." },
  insecure: {
    title: "Pas de caméra à cette adresse",
    help: "Les navigateurs ne donnent accès aux appareils qu’aux pages en https:// et sur localhost.",
  },
  failed: {
    title: "La caméra ne démarre pas",
    help: "Débranchez la caméra et rebranchez-la, ou choisissez-en une autre.",
  },
};

const MICROPHONE: DeviceProblemWords = {
  denied: {
    title: "Le micro est bloqué",
    help: "Autorisez le micro avec l’icône à côté de l’adresse, puis réessayez.",
  },
  busy: {
    title: "Le micro est occupé",
    help: "Un autre programme utilise le micro. Fermez-le là-bas, puis réessayez.",
  },
  missing: { title: "Aucun micro trouvé", help: "Branchez un micro, nous le détectons aussitôt." },
  insecure: { title: "Pas de micro à cette adresse", help: CAMERA.insecure.help },
  failed: {
    title: "Le micro ne démarre pas",
    help: "Débranchez le micro et rebranchez-le, ou choisissez-en un autre.",
  },
};

const BOTH: DeviceProblemWords = {
  denied: {
    title: "La caméra et le micro sont bloqués",
    help: "Autorisez la caméra et le micro avec l’icône à côté de l’adresse, puis réessayez.",
  },
  busy: {
    title: "La caméra et le micro sont occupés",
    help: "Un autre programme utilise la caméra et le micro. Fermez-les là-bas, puis réessayez.",
  },
  missing: {
    title: "Ni caméra ni micro trouvés",
    help: "Branchez une caméra ou un micro, nous les détectons aussitôt.",
  },
  insecure: { title: "Ni caméra ni micro à cette adresse", help: CAMERA.insecure.help },
  failed: {
    title: "La caméra et le micro ne démarrent pas",
    help: "Débranchez-les et rebranchez-les, ou choisissez-en d’autres.",
  },
};

export const french: Texts = {
  locale: "fr",
  product: "Conclave",
  titles: { call: "En réunion" },

  landing: {
    title: "Des réunions vidéo qui restent entre vous.",
    lead: "Le son et l’image sont chiffrés de bout en bout, dans votre navigateur. Le serveur les transmet et ne peut rien voir.",
    newMeeting: "Nouvelle réunion",
    creating: "Ouverture d’une salle…",
    createFailed: "Le serveur n’a pas ouvert de salle. Vérifiez votre connexion et réessayez.",
    options: "Options d’une nouvelle réunion",
    passcode: "Code d’accès",
    passcodeDetail:
      "Facultatif. Donnez-le à vos invités par une autre voie que le lien. Il n’atteint jamais le serveur.",
    passcodeShort: "Un code d’accès a au moins 4 caractères.",
    lobby: "Salle d’attente",
    lobbyDetail: "Vous faites entrer chaque personne. Elle attend jusque-là.",
    linkLabel: "Lien de la réunion",
    linkPlaceholder: "Collez un lien de réunion",
    openLink: "Ouvrir",
    linkInvalid: "Ce n’est pas un lien vers une réunion d’ici. Un lien entier contient un # suivi d’une longue clé.",
    linkIncomplete: "Ce lien a perdu sa clé, la partie après le #. Demandez le lien entier et collez-le ici.",
    points: [
      {
        title: "Chiffré dans votre navigateur",
        body: "Le son et l’image sont verrouillés avant de quitter cet appareil et ouverts seulement par les personnes de l’appel.",
      },
      {
        title: "La clé est dans le lien",
        body: "Elle reste derrière le #, que les navigateurs n’envoient jamais. Qui a le lien entier peut entrer.",
      },
      { title: "Ni compte ni installation", body: "Envoyez le lien. Les autres tapent un nom et rejoignent." },
    ],
  },

  unsupported: {
    title: "Ce navigateur ne peut pas participer en sécurité",
    lead: "Conclave chiffre dans le navigateur et ne passe jamais en clair. Il manque à ce navigateur :",
    advice: "Chrome, Edge ou Firefox à jour conviennent, tout comme Safari sur Mac, iPhone ou iPad.",
    insecure:
      "Ouvrez la page en https:// (ou sur localhost) : les navigateurs n’autorisent le chiffrement et les caméras que là.",
    features: {
      "secure-context": "un contexte sécurisé (https ou localhost)",
      webassembly: "WebAssembly",
      workers: "Web Workers",
      websocket: "WebSocket",
      webrtc: "WebRTC (RTCPeerConnection)",
      "encoded-transforms": "les transformations encodées (RTCRtpScriptTransform)",
      "codec-preferences": "le choix des codecs (setCodecPreferences)",
      random: "des nombres aléatoires sûrs (crypto.getRandomValues)",
    },
  },

  prejoin: {
    title: "Prêt à rejoindre ?",
    nameLabel: "Votre nom",
    namePlaceholder: "Tel que les autres le verront",
    nameMissing: "Tapez d’abord un nom.",
    join: "Rejoindre",
    preview: "Votre caméra",
    cameraOff: "Votre caméra est éteinte",
    cameraStarting: "Votre caméra démarre…",
    camera: "Caméra",
    microphone: "Micro",
    speaker: "Haut-parleur",
    defaultDevice: "Choix du système",
    unnamedDevice: (kind, index) => `${kind} ${index}`,
    noDevice: "Aucun trouvé",
    level: "Niveau du micro",
    silent: "Nous n’entendons rien. Parlez plus fort, vérifiez que le micro n’est pas coupé ou choisissez-en un autre.",
    testSpeaker: "Tester",
    testSpeakerLong: "Tester le haut-parleur",
    retry: "Réessayer",
    without: "Vous pouvez aussi rejoindre sans.",
    privacy: "Personne ne vous voit ni ne vous entend avant que vous ne rejoigniez.",
  },

  device: { camera: CAMERA, microphone: MICROPHONE, both: BOTH },

  controls: {
    label: "Commandes de l’appel",
    mute: "Couper le micro",
    unmute: "Activer le micro",
    cameraOff: "Éteindre la caméra",
    cameraOn: "Allumer la caméra",
    copyLink: "Copier le lien",
    copied: "Lien copié",
    copyFailed: "Le lien n’a pas pu être copié. Copiez-le depuis la barre d’adresse.",
    participants: "Participants",
    security: "Sécurité",
    settings: "Réglages",
    chat: "Discussion",
    reactions: "Réagir",
    raiseHand: "Lever la main",
    lowerHand: "Baisser la main",
    more: "Plus",
    leave: "Quitter",
    close: "Fermer",
    withKeys: (name, keys) => `${name} (${keys})`,
  },

  call: {
    grid: "Personnes dans l’appel",
    nameOfSelf: (name) => `${name} (vous)`,
    unknown: "Inconnu",
    muted: "Micro coupé",
    encrypted: "Chiffré de bout en bout",
    checking: "Vérification du chiffrement…",
    notSecure: (count) => plural(count, { one: "# personne non sécurisée", other: "# personnes non sécurisées" }),
    connecting: "Connexion…",
    waiting: "On va vous faire entrer…",
    waitingDetail: "Quelqu’un dans l’appel doit vous remettre les clés. Cela prend un instant.",
    full: "Ce serveur est plein pour le moment, nouvel essai…",
    fullDetail:
      "Il accueille autant de personnes qu’il peut. Vous entrez dès qu’il y a de la place ; vous n’avez rien à faire.",
    aloneTitle: "Personne d’autre n’est encore là",
    aloneBody: "Envoyez le lien aux personnes que vous voulez rencontrer.",
    copyInvitation: "Copier l’invitation",
    tapToHear: "Touchez pour entendre",
    tapToHearDetail: "Votre navigateur retient le son jusqu’à un clic.",
    cameraFailed: "La caméra ne démarre pas. Choisissez-en une autre dans Réglages.",
    microphoneFailed: "Le micro ne démarre pas. Choisissez-en un autre dans Réglages.",
    reconnecting: "Reconnexion…",
    reconnectingDetail: "Votre connexion a été perdue. Nous continuons d’essayer ; vous n’avez rien à faire.",
    recovered: "Vous êtes de retour dans l’appel.",
    joined: (name) => `${name} est là`,
    left: (name) => `${name} est parti`,
    joinedMany: (count) => plural(count, { one: "# personne est arrivée", other: "# personnes sont arrivées" }),
    leftMany: (count) => plural(count, { one: "# personne est partie", other: "# personnes sont parties" }),
  },

  participants: {
    title: (count) => `Participants (${count})`,
    remove: (name) => `Exclure ${name}`,
    confirmTitle: (name) => `Exclure ${name} ?`,
    confirmBody:
      "La personne quitte l’appel aussitôt et toutes les clés changent : elle ne peut plus rien déchiffrer ensuite.",
    confirm: "Exclure de l’appel",
    cancel: "Annuler",
    removeFailed: (name) => `${name} n’a pas pu être exclu.`,
    everyone: "Seuls ces appareils ont les clés de cet appel.",
  },

  lobby: {
    lobby: "Salle d’attente",
    lobbyDetail: "Vous faites entrer chaque personne. Elle attend jusque-là.",
    knocks: (name) => `${name} souhaite entrer`,
    knockMany: (count) =>
      plural(count, {
        one: "# personne souhaite entrer",
        many: "# de personnes souhaitent entrer",
        other: "# personnes souhaitent entrer",
      }),
    title: (count) => `En attente (${count})`,
    admit: "Faire entrer",
    admitAll: "Faire entrer tout le monde",
    denyOne: (name) => `Refuser ${name}`,
    look: "Voir",
    waiting: "Un hôte va vous faire entrer",
    waitingDetail: "Il voit que vous êtes là dès qu’il l’est lui-même. Vous n’avez rien à faire.",
  },

  link: {
    title: "Le lien",
    ends: "Laisse entrer de nouvelles personnes",
    during: (span) => `pendant ${span}`,
    until: (moment) => `jusqu’au ${moment}`,
    never: "Sans fin",
    guests: "Nombre maximal d’invités",
    anyNumber: "Sans limite",
    used: (count) =>
      plural(count, {
        one: "Il a laissé entrer # invité jusqu’ici.",
        other: "Il a laissé entrer # invités jusqu’ici.",
      }),
  },
  burn: {
    burn: "Détruire la réunion",
    burnTitle: "Détruire la réunion pour toujours ?",
    burnBody:
      "Tout le monde la quitte maintenant. Les clés, la discussion et les fichiers disparaissent de chaque écran et du serveur, et le lien ne marchera plus jamais. Les copies que quelqu’un a faites restent.",
    receipt: "Reçu",
    gone: [
      "Les clés de l’appel ont disparu de cet appareil.",
      "La discussion et les fichiers ont disparu de cette page et du serveur.",
      "Le lien est mort : le serveur ne garde qu’une empreinte du numéro de la salle, pendant un mois.",
    ],
    compare: "Toutes les personnes présentes voient le même numéro :",
  },
  moderation: {
    title: "Animation",
    roles: { host: "Hôte", co_host: "Co-hôte", member: "Membre", viewer: "Spectateur" },
    everybody: "Les participants peuvent utiliser",
    allow: { microphone: "Micro", camera: "Caméra", screen: "Partage d’écran" },
    enforced:
      "Les hôtes et co-hôtes le peuvent toujours. Le serveur rejette ce qui n’est pas permis, quoi qu’un client envoie.",
    recording: "Les membres peuvent enregistrer",
    recordingDetail:
      "Leurs applications s’y tiennent, et tout le monde voit qui enregistre. Rien n’empêche de filmer un écran.",
    lowerAllHands: "Baisser toutes les mains",
    door: "Qui peut entrer",
    lock: "Verrouiller la réunion",
    lockDetail: "Personne de nouveau n’entre. Qui a perdu la connexion revient toujours.",
    end: "Fin",
    endForAll: "Terminer pour tous",
    endTitle: "Terminer la réunion pour tous ?",
    endBody: "Tout le monde la quitte maintenant et personne ne peut continuer cet appel. Le lien en ouvre un nouveau.",
    ban: "Exclure et tenir à l’écart",
    banTitle: (name) => `Exclure ${name} et tenir à l’écart ?`,
    banBody:
      "Cette personne part maintenant et, pendant cet appel, personne de nouveau n’entre depuis son adresse internet. Depuis une autre, ce serait possible ; verrouillez la réunion pour en être sûr.",
    menu: {
      stop: { microphone: "Couper le micro", camera: "Couper la caméra", screen: "Arrêter le partage d’écran" },
      allow: {
        microphone: "Autoriser le micro",
        camera: "Autoriser la caméra",
        screen: "Autoriser le partage d’écran",
      },
      lowerHand: "Baisser la main",
      makeRole: { co_host: "Nommer co-hôte", member: "Nommer membre", viewer: "Nommer spectateur" },
    },
    failed: "Cela n’a pas pu être décidé.",
    becameRole: (role) => `Vous êtes maintenant : ${role}`,
    nowLocked: "La réunion est verrouillée",
    nowUnlocked: "La réunion est de nouveau ouverte",
    allowedAgain: {
      microphone: "Vous pouvez de nouveau utiliser votre micro",
      camera: "Vous pouvez de nouveau utiliser votre caméra",
      screen: "Vous pouvez de nouveau partager votre écran",
    },
    silenced: {
      microphone: "Un hôte a coupé votre micro",
      camera: "Un hôte a coupé votre caméra",
      screen: "Un hôte a arrêté votre partage d’écran",
    },
    notAllowed: {
      microphone: "Un hôte a coupé les micros. Levez la main pour demander.",
      camera: "Un hôte a coupé les caméras. Levez la main pour demander.",
      screen: "Un hôte a désactivé le partage d’écran. Levez la main pour demander.",
    },
    handLowered: (name) => `${name} a baissé votre main`,
  },

  share: {
    start: "Partager l’écran",
    stop: "Arrêter le partage",
    of: (name) => `Écran de ${name}`,
    started: (name) => `${name} partage son écran`,
    stopped: (name) => `${name} ne partage plus son écran`,
    selfStarted: "Vous partagez votre écran",
    selfStopped: "Vous ne partagez plus votre écran",
    content: "Ce que vous partagez",
    contents: { text: "Texte et images, nets", motion: "Vidéo, fluide" },
    coming: "L’écran arrive…",
    picturesOff: "Vous avez désactivé les images dans les paramètres.",
    blocked:
      "Votre système ne laisse pas le navigateur partager l’écran. Autorisez-le dans les réglages du système, sous confidentialité.",
    failed: "L’écran n’a pas pu être partagé.",
  },

  steps: {
    on: (system, browser) => `Sous ${system} avec ${browser} :`,
    allow: {
      chrome: "Choisissez l’icône à gauche de l’adresse, autorisez caméra et micro, puis rechargez la page.",
      firefox: "À gauche de l’adresse, choisissez la caméra ou le micro barré, et retirez « Bloqué ».",
      safari: "Ouvrez Safari › Réglages › Sites web, et autorisez caméra et micro pour cette adresse.",
      ios: "Touchez le menu de page à côté de l’adresse, puis les réglages du site, et autorisez caméra et micro.",
      android: "Touchez l’icône à gauche de l’adresse, puis Autorisations, et autorisez caméra et micro.",
    },
    permit: {
      windows: () =>
        "Dans le système : ouvrez Paramètres › Confidentialité et sécurité › Caméra, et Microphone au même endroit, et autorisez les applications de bureau.",
      macos: (browser) =>
        `Dans le système : ouvrez Réglages Système › Confidentialité et sécurité › Caméra, et Micro au même endroit, activez ${browser}, puis relancez ${browser}.`,
      ios: (browser) => `Dans le système : ouvrez Réglages › Apps › ${browser}, et activez Appareil photo et Micro.`,
      android: (browser) =>
        `Dans le système : ouvrez Paramètres › Applications › ${browser} › Autorisations, et autorisez Appareil photo et Micro.`,
      linux: (browser) =>
        `Dans le système : si ${browser} vient de Flatpak ou de Snap, autorisez-lui caméra et micro dans les paramètres, sous Applications.`,
    },
    close: {
      windows:
        "Fermez Teams, Zoom, l’application Caméra et les autres onglets : Windows ne donne une caméra qu’à un programme à la fois.",
      other: "Fermez les autres programmes et onglets qui l’utilisent.",
    },
    restart: "S’il est encore occupé : débranchez-le et rebranchez-le, ou redémarrez l’appareil.",
    find: {
      windows:
        "Regardez sous Paramètres › Bluetooth et appareils › Caméras, et sous Système › Son, si Windows le connaît.",
      macos:
        "Regardez sous Réglages Système › Son › Entrée si macOS le connaît. Capot fermé, un MacBook n’a pas de caméra.",
      ios: "Vérifiez sous Réglages › Bluetooth que votre casque est connecté.",
      android: "Vérifiez sous Paramètres › Appareils connectés que votre casque est connecté.",
      linux:
        "Regardez sous Paramètres › Son si le système le connaît, et vérifiez le câble et l’interrupteur de l’appareil.",
    },
  },

  noise: {
    label: "Réduction du bruit",
    detail: "Retire ventilateurs, clavier et circulation de votre voix. À désactiver pour la musique.",
    notHere: "Ce navigateur ne laisse pas le choix à une page ; il décide lui-même.",
  },

  paused: {
    downlink: "En pause : votre connexion est lente",
    load: "En pause : le serveur est surchargé",
  },

  interruption: {
    camera: "Le système a suspendu votre caméra, peut-être pour un appel. Elle reviendra d’elle-même.",
    microphone: "Le système a suspendu votre micro, peut-être pour un appel. Il reviendra de lui-même.",
    both: "Le système a suspendu la caméra et le micro, peut-être pour un appel. Ils reviendront d’eux-mêmes.",
    theirs: {
      camera: "Son système a suspendu la caméra, peut-être pour un appel.",
      microphone: "Son système a suspendu le micro, peut-être pour un appel.",
      both: "Son système a suspendu la caméra et le micro, peut-être pour un appel.",
    },
  },

  background: {
    label: "Flouter l’arrière-plan",
    detail: "Rend la pièce derrière vous méconnaissable, sur cet appareil. En cas d’échec, la caméra reste éteinte.",
    notHere: "Ce navigateur ne peut pas modifier les images d’une caméra.",
    slow: "Cet appareil est lent pour cela et votre image saccade. L’arrière-plan reste caché.",
    failed: {
      title: "L’arrière-plan ne peut pas être flouté",
      help: "Votre caméra est éteinte pour que personne ne voie la pièce. Réessayez ou désactivez le flou.",
    },
  },

  check: {
    open: "Tester la connexion",
    title: "Test de connexion",
    lead: "Il ouvre une salle à lui sur ce serveur et s’y appelle lui-même avec une image inventée. Cela prend environ une demi-minute.",
    browser: "Navigateur :",
    server: "Serveur :",
    udp: "Médias par UDP :",
    tcp: "Médias par TCP :",
    call: "Appel de test chiffré :",
    works: "fonctionne",
    noAnswer: "ne répond pas",
    noPicture: "aucune image chiffrée n’est revenue",
    marks: { waiting: "pas encore testé", running: "test en cours…", good: "fonctionne", bad: "ne fonctionne pas" },
    paths: {
      closed: "rien n’est passé",
      not_offered: "ce serveur ne le propose pas",
      no_answer: "le serveur n’a pas répondu",
    },
    carried: (up, down, loss) => `${up} envoyés, ${down} reçus, ${loss} perdus`,
    running: "Test en cours…",
    verdicts: {
      browser:
        "Il manque à ce navigateur ce qu’il faut pour un appel sûr. Chrome, Edge, Firefox ou Safari à jour conviennent.",
      server: "Le serveur ne répond pas. Vérifiez votre connexion ou demandez à qui gère le serveur.",
      blocked:
        "Ni UDP ni TCP n’atteint les médias du serveur : vous pourriez entrer, mais sans voir ni entendre. Un pare-feu en est peut-être la cause ; qui gère votre réseau peut ouvrir la voie.",
      no_picture:
        "Le serveur est joint, mais aucune image chiffrée n’est revenue en une demi-minute. Fermez ce qui occupe l’appareil, puis testez de nouveau.",
      tcp_only:
        "Les appels fonctionnent. Votre réseau ne laisse pas passer UDP : ils passent par TCP et peuvent saccader.",
      narrow:
        "Les appels fonctionnent, mais votre ligne porte peu : choisissez de petites images des autres dans les paramètres.",
      lossy: "Les appels fonctionnent, mais des paquets se perdent : plus près du Wi-Fi, ou par câble, c’est mieux.",
      good: "Tout fonctionne : vous pouvez participer en pleine qualité.",
    },
    save: "Enregistrer le rapport",
    again: "Tester de nouveau",
    redacted:
      "Le rapport ne contient ni adresses, ni noms, ni clés. Il reste sur cet appareil jusqu’à ce que vous le donniez à quelqu’un.",
  },

  settings: {
    language: "Langue",
    languageOfBrowser: "Comme le navigateur",
    languageFailed: "La langue n’a pas pu être chargée. Vérifiez votre connexion.",
    theme: "Apparence",
    themes: { system: "Comme le système", light: "Clair", dark: "Sombre", contrast: "Contraste élevé" },
    pictures: "Images des autres",
    pictureModes: {
      all: "En pleine qualité",
      small: "Petites, pour économiser les données",
      none: "Aucune, le son seul",
    },
    devices: "Appareils",
    display: "Affichage",
    keyboard: "Clavier",
    singleKeys: "Raccourcis à une touche",
    singleKeysDetail:
      "M coupe le micro, Espace vous laisse parler tant que vous la tenez. Désactivez-les si vous travaillez à la voix ou avec un contacteur.",
  },

  connection: {
    title: "Connexion",
    measuring: "Mesure en cours…",
    weak: "Connexion faible",
    down: "Reçu",
    up: "Envoyé",
    lossDown: "Pertes vers vous",
    lossUp: "Pertes depuis vous",
    delay: "Délai aller-retour au serveur",
    path: "Porté par",
    rate: (value) => `${value} kbit/s`,
    ms: (value) => `${value} ms`,
    causes: {
      loss_down: "Des paquets se perdent en chemin vers vous. Plus près du Wi-Fi, ou par câble, c’est mieux.",
      loss_up: "Des paquets se perdent en partant de vous : les autres vous voient et vous entendent par à-coups.",
      delay: "Tout met longtemps à arriver. Un VPN ou un réseau lointain peut en être la cause.",
      narrow: "Votre ligne ne porte pas votre image en pleine qualité.",
      busy: "Cet appareil est occupé : votre image est réduite. Fermez ce qui ne sert pas.",
      tcp: "Le réseau ne laisse pas passer UDP ; l’appel passe par TCP et peut saccader.",
      good: "Votre connexion est bonne.",
    },
  },

  stillThere: {
    title: "Êtes-vous encore là ?",
    body: (time) => `Vous êtes seul dans la réunion. Vous la quitterez dans ${time}.`,
    stay: "Je suis là",
  },

  view: {
    grid: "Vue en grille",
    speaker: "Vue de l’orateur",
    showSelf: "Afficher mon image",
    hideSelf: "Masquer mon image",
    fullScreen: "Plein écran",
    leaveFullScreen: "Quitter le plein écran",
    pip: "Image dans l’image",
    leavePip: "Quitter l’image dans l’image",
    previousPage: "Page précédente",
    nextPage: "Page suivante",
    page: (page, pages) => `Page ${page} sur ${pages}`,
    options: (name) => `Options pour ${name}`,
    pin: "Épingler",
    unpin: "Désépingler",
    pinned: (name) => `${name} est épinglé`,
    unpinned: (name) => `${name} n’est plus épinglé`,
    pinMark: "Épinglé",
    volume: "Volume pour moi",
    muteForMe: "Couper pour moi",
    unmuteForMe: "Rétablir pour moi",
    mutedForMe: "Coupé pour vous",
    talking: "On vous entend tant que vous tenez la touche",
  },

  hands: {
    queue: "Mains levées",
    raised: (name) => `${name} a levé la main`,
    selfRaised: "Votre main est levée",
    selfLowered: "Votre main est baissée",
    mark: (place) => `Main levée, numéro ${place} dans la file`,
  },

  reactions: {
    label: "Réactions",
    names: {
      thumbs_up: "Pouce levé",
      heart: "Cœur",
      laugh: "Rire",
      surprise: "Surprise",
      applause: "Applaudissements",
      party: "Fête",
    },
    said: (name, reaction) => `${name} : ${reaction}`,
  },

  chat: {
    title: "Discussion",
    messages: "Messages",
    unread: (count) => plural(count, { one: "# nouveau message", other: "# nouveaux messages" }),
    empty: "Pas encore de message",
    about:
      "Les messages sont chiffrés comme l’appel et ne sont gardés nulle part. Qui arrive plus tard ne les voit pas. Les fichiers attendent sur le serveur, chiffrés, que tout le monde les ait.",
    write: "Message",
    placeholder: "Écrire à tout le monde",
    send: "Envoyer",
    you: "Vous",
    reply: "Répondre",
    replyTo: (name) => `Répondre à ${name}`,
    edit: "Modifier",
    editing: "Modifiez votre message",
    save: "Enregistrer",
    cancel: "Annuler",
    edited: "modifié",
    waiting: "Partira quand vous serez reconnecté",
    lost: "Un message qui n’est plus là",
    left: (count) => plural(count, { one: "Encore # caractère", other: "Encore # caractères" }),
    doesNotFit: (length, most) =>
      `Ce texte a ${number(length)} caractères et un message en contient ${number(most)} au plus. Rien n’a été envoyé.`,
    remove: "Supprimer pour tout le monde",
    burns: "Disparaît quand tout le monde l’a lu",
    goneAt: (time) => `Disparaît à ${time}`,
    readBy: (count) => plural(count, { one: "Lu par # personne", other: "Lu par # personnes" }),
    readByAll: "Lu par tout le monde",
    tooMany: "Un peu moins vite : les autres ne recevraient pas autant de messages.",
    said: (name, words) => `${name} : ${words}`,
  },

  ending: {
    title: "Quand les messages disparaissent",
    forAll: "Messages de tout le monde (vous animez la réunion)",
    forMine: "Vos messages",
    after: "Disparaissent après",
    never: "Seulement à la fin de l’appel",
    burn: "Disparaissent 30 secondes après la lecture",
    all: (time) => `Les messages disparaissent après ${time}.`,
    allBurn: "Les messages disparaissent 30 secondes après la lecture.",
    nothing: "Les messages restent jusqu’à la fin de l’appel.",
    honest: "Ils disparaissent de tous les écrans et du serveur. Une copie que quelqu’un en a faite, non.",
  },

  files: {
    attach: "Joindre un fichier",
    drop: "Déposez des fichiers ici pour les envoyer à tout le monde",
    uploads: "Fichiers en cours d’envoi",
    sending: (name) => `Envoi de ${name}`,
    receiving: (name) => `Réception de ${name}`,
    progress: (done, total) => `${done} sur ${total}`,
    cancel: (name) => `Annuler ${name}`,
    download: (name) => `Télécharger ${name}`,
    saved: "Enregistré",
    picture: (name) => `Image ${name}`,
    pasted: "texte",
    sendAsFile: "Envoyer comme fichier",
    tooLarge: (size, limit) =>
      `Ce fichier fait ${size} et ce serveur accepte des fichiers jusqu’à ${limit}. Rien n’a été envoyé.`,
    problems: {
      too_large: "Ce fichier est plus grand que ce que ce serveur accepte.",
      too_many: "Trop de fichiers à la fois. Attendez que certains soient arrivés.",
      no_room: "Le serveur n’a plus de place pour des fichiers en ce moment.",
      gone: "Ce fichier n’est plus là.",
      not_readable: "Ce fichier ne peut pas être lu ou a été abîmé en chemin.",
      not_here: "Ce serveur ne transmet pas de fichiers.",
      network: "La connexion était trop mauvaise pour ce fichier. Réessayez.",
    },
  },

  polls: {
    create: "Poser une question",
    question: "Question",
    option: (place) => `Réponse ${number(place)}`,
    addOption: "Ajouter une réponse",
    multiple: "Plusieurs réponses sont possibles",
    open: "Tout le monde voit qui a choisi quoi.",
    incomplete: "Un sondage demande une question et deux réponses différentes.",
    ask: "Demander",
    voters: (count) => plural(count, { one: "# vote", other: "# votes" }),
    votes: (count) => plural(count, { other: "#" }),
    ended: (count) => plural(count, { one: "Terminé avec # vote", other: "Terminé avec # votes" }),
    who: "Qui a choisi quoi",
    end: "Terminer le sondage",
  },

  shortcuts: {
    title: "Raccourcis clavier",
    microphone: "Micro activé ou coupé",
    camera: "Caméra allumée ou éteinte",
    talk: "Parler tant que vous la tenez",
    share: "Partager l’écran",
    hand: "Lever ou baisser la main",
    chat: "Discussion",
    participants: "Participants",
    layout: "Grille ou orateur",
    fullScreen: "Plein écran",
    help: "Cette liste",
    space: "Espace",
    control: "Ctrl",
    or: "ou",
    note: "Les touches seules marchent quand vous ne tapez pas. Elles se désactivent dans Réglages.",
  },

  security: {
    title: "Sécurité",
    code: "Code de l’appel",
    codePending: "Calcul du code…",
    codeHelp:
      "Lisez-le à voix haute et comparez. Si tout le monde a le même code, vous avez tous les mêmes clés et personne n’est entre vous. Il change dès que quelqu’un arrive ou part.",
    epoch: "Changement de clé",
    epochValue: (epoch) => `Numéro ${epoch}`,
    suite: "Chiffrement",
    postQuantum: "Post-quantique",
    holders: "Qui peut déchiffrer",
    holdersValue: (count) => (count === 1 ? "1 appareil, le vôtre" : plural(count, { other: "# appareils" })),
    log: "Ce qui a changé",
    logEmpty: "Rien encore.",
    serverSees: "Ce que le serveur voit",
    ledger: {
      address: "votre adresse Internet",
      addressOf: (address) => `votre adresse Internet : ${address}`,
      room: (room) => `le numéro de la salle : ${room}`,
      people: (count) =>
        plural(count, {
          one: "que # appareil est dans l’appel, sous un nombre aléatoire",
          other: "que # appareils sont dans l’appel, sous des nombres aléatoires",
        }),
      changes: (epoch) => `que les clés ont changé ${number(epoch)} fois, et quand`,
      sound: (size, packets) => `que vous avez envoyé ${size} de son chiffré en ${number(packets)} paquets`,
      pictures: (size, packets) => `que vous avez envoyé ${size} d’images chiffrées en ${number(packets)} paquets`,
      received: (size, packets) => `que vous avez reçu ${size} en ${number(packets)} paquets`,
      roles: "qui est hôte, et ce que chaque appareil peut envoyer",
      sizes: "la taille de chaque image sur votre écran",
      messages: "quand des messages et des fichiers sont envoyés, et leur longueur approximative",
    },
    serverCannot: "Ce qu’il ne peut pas voir",
    serverCannotItems: [
      "le son, les images et qui parle",
      "vos noms et messages, et si votre micro est coupé",
      "la clé du lien et toutes les clés de l’appel",
    ],
    limit:
      "La page elle-même vient du serveur : qui l’exploite pourrait en servir une autre. Utilisez-en un de confiance.",
    logLine: {
      joined: (name) => `${name} est arrivé`,
      joinedBy: (name, by) => `${name} est arrivé, admis par ${by}`,
      left: (name) => `${name} est parti`,
      leftBy: (name, by) => `${name} est parti, clés changées par ${by}`,
      keys: "Les clés ont été changées",
      keysBy: (by) => `${by} a changé les clés`,
      cameBack: (name) => `${name} est entré avec la clé du lien`,
      lost: "Votre connexion a été perdue",
      recovered: "Votre connexion est revenue",
    },
    epochShort: (epoch) => `changement de clé ${epoch}`,
  },

  trust: {
    showQr: "Afficher en code QR",
    qr: "Le code de l’appel en code QR",
    qrOf: (name) => `Numéro de sécurité avec ${name} en code QR`,
    people: "Numéros de sécurité",
    peopleHelp:
      "Un pour vous et chaque personne. Comparez-le une fois, face à face ou au téléphone : le même numéro sur les deux écrans signifie que personne ne se fait passer pour elle.",
    pending: "Calcul du numéro…",
    none: "Il n’y a pas de numéro : l’un de vous n’a pas montré de clé.",
    lasting: "Les deux appareils sont reconnus : ce numéro reste le même dans les prochains appels.",
    once: "Ce numéro ne vaut que pour cet appel : l’autre appareil n’est pas reconnu.",
    onceSelf: "Ce numéro ne vaut que pour cet appel : votre appareil n’est pas reconnu.",
    verify: "Les numéros sont identiques",
    unverify: "Retirer la marque",
    verified: "Vérifié",
    nowVerified: (name) => `${name} est marqué comme vérifié`,
    notVerified: (name) => `${name} n’est plus marqué comme vérifié`,
    changed: (name) => `${name} n’est pas sur l’appareil que vous avez vérifié`,
    changedMark: "Autre appareil",
    changedHelp:
      "Quelqu’un de ce nom a été vérifié avec une autre clé. C’est peut-être un nouvel appareil, ou quelqu’un d’autre : comparez à nouveau le numéro.",
    unheardMark: "Pas de nouvelles",
    unheardHelp:
      "L’appareil de cette personne n’a pas montré depuis un moment qu’il est là avec les clés actuelles. Sa connexion est peut-être coupée, ou le serveur le tient à l’écart. Demandez si l’on vous entend.",
    remember: "Laisser les autres reconnaître cet appareil",
    rememberHelp:
      "À partir de votre prochain appel, avec une clé qui ne quitte jamais ce navigateur. Tous ceux que vous rencontrez sauront que c’est encore vous ; laissez désactivé pour rester inconnu.",
    rememberFailed: "Ce navigateur ne peut pas garder une telle clé.",
  },

  recording: {
    start: "Enregistrer la réunion",
    stop: "Arrêter l’enregistrement",
    own: "Vous enregistrez cette réunion. Tout le monde le voit.",
    other: (name) => `${name} enregistre cette réunion.`,
    many: (count) => plural(count, { other: "# personnes enregistrent cette réunion." }),
    mark: "Enregistre",
    unsupported: "Ce navigateur ne peut pas enregistrer de réunion.",
    notAllowed: "Les hôtes ne permettent pas aux membres d’enregistrer cette réunion.",
    ended: "Un hôte a mis fin à votre enregistrement : les membres ne peuvent plus enregistrer. Il a été sauvegardé.",
    notConnected: "Vous n’êtes pas connecté, personne ne pourrait en être averti. Rien n’est enregistré.",
    inMemory: (size) => `L’enregistrement reste en mémoire, jusqu’à ${size}, et il est sauvegardé à la fin.`,
    full: "Il n’y a plus de place. L’enregistrement est terminé et sauvegardé.",
    failed: "L’enregistrement s’est interrompu. Ce qui pouvait l’être a été sauvegardé.",
    silent: "L’enregistrement n’a pas de son, car le navigateur n’a rien trouvé pour en émettre.",
    saved: "L’enregistrement a été sauvegardé sur cet appareil.",
  },

  captions: {
    title: "Sous-titres",
    show: "Afficher les sous-titres",
    hide: "Masquer les sous-titres",
    nowShown: "Les sous-titres sont affichés",
    notShown: "Les sous-titres sont masqués",
    nothing: "Ici s’affiche ce que disent ceux dont l’appareil le transcrit.",
    ownStart: "Transcrire ce que je dis",
    ownStop: "Ne plus transcrire ce que je dis",
    ownOn: "Votre appareil transcrit ce que vous dites et l’envoie au groupe, chiffré.",
    ownOff: "Ce que vous dites n’est plus transcrit",
    loading: "Le navigateur charge ce qu’il faut pour votre langue…",
    failed: "Le navigateur a cessé de transcrire ce que vous dites.",
    problems: {
      no_recognition: "Ce navigateur ne sait pas transcrire la parole.",
      only_elsewhere: "Ce navigateur enverrait votre voix à son éditeur pour la transcrire. Cela ne se fait pas ici.",
      no_language: "Ce navigateur ne peut pas transcrire votre langue sur cet appareil.",
    },
  },

  crypto: {
    label: { secure: "Chiffré", waiting: "Sécurisation…", failed: "Non sécurisé" },
    spoken: {
      secure: (reason) => `Chiffré : ${reason}`,
      waiting: (reason) => `Sécurisation : ${reason}`,
      failed: (reason) => `Non sécurisé : ${reason}`,
    },
    reason: {
      not_admitted: "On va vous faire entrer.",
      unconfirmed_keys: "Personne n’a confirmé les clés de l’appel depuis votre retour.",
      unconfirmed_media: "Rien n’est envoyé avant que le chiffrement de vos médias soit confirmé.",
      sending: "Ce que vous envoyez est chiffré de bout en bout.",
      no_admission: "Cette personne n’a pas montré qu’elle connaît le lien de la réunion.",
      connection_lost: "Sa connexion a été perdue.",
      first_frame: "En attente de sa première image chiffrée.",
      receiving: "Ce qui arrive s’ouvre avec la clé actuelle de l’appel.",
      unseen: "Membre du groupe chiffré ; ce qui est envoyé n’est pas sur votre écran.",
      silent: "Membre du groupe chiffré, n’envoie rien.",
      no_key: "La clé de ces médias n’est pas encore arrivée.",
      unknown_kid_expired: "La clé de ces médias n’est pas arrivée à temps.",
      bad_header: "Ce qui arrive n’est pas chiffré de bout en bout ; ce n’est pas lu.",
      replay: "D’anciennes images ont été renvoyées ; elles ne sont pas lues.",
      too_old: "Ce qui arrive est trop tardif pour être vérifié ; ce n’est pas lu.",
      auth_fail: "Ce qui arrive n’a pas été chiffré avec la clé de cet appel ; ce n’est pas lu.",
      wrong_leaf: "Ce qui arrive a été chiffré par quelqu’un d’autre ; ce n’est pas lu.",
      wrong_ctx: "Ce qui arrive appartient à une autre piste ; ce n’est pas lu.",
      codec_unprotectable: "Ce qui arrive ne peut pas être vérifié ; ce n’est pas lu.",
      epoch_retired: "Ce qui arrive a été chiffré avec une clé retirée ; ce n’est pas lu.",
      transform_not_running: "Le navigateur n’exécute pas le déchiffrement.",
    },
  },

  ended: {
    title: {
      left: "Vous avez quitté la réunion",
      removed: "Vous avez été exclu de la réunion",
      "room-full": "La réunion est complète",
      "room-not-found": "Cette réunion n’existe pas",
      replaced: "Vous avez rejoint depuis un autre onglet",
      refused: "Le serveur a refusé",
      banned: "Vous avez été exclu de la réunion",
      burnt: "Cette salle a été détruite",
      expired: "Ce lien a expiré",
      "used-up": "Ce lien est épuisé",
      "wrong-passcode": "Le code d’accès est faux",
      denied: "On ne vous a pas fait entrer",
      locked: "La réunion est verrouillée",
      ended: "La réunion a été terminée",
      failed: "L’appel est terminé",
    },
    body: {
      left: "Votre caméra et votre micro sont éteints.",
      removed: "Un hôte vous a fait sortir. Votre caméra et votre micro sont éteints.",
      "room-full": "Ce serveur n’y admet pas plus de monde. Réessayez quand quelqu’un sera parti.",
      "room-not-found": "Le lien est ancien ou copié en partie. Demandez-en un nouveau.",
      replaced: "Cet onglet n’est plus dans l’appel ; l’autre continue.",
      refused: "Il n’a pas laissé ce navigateur entrer dans l’appel.",
      banned: "Un hôte vous a exclu, et personne ne peut entrer depuis cette adresse pendant cet appel.",
      burnt: "Un hôte l’a terminée pour toujours. Elle ne peut plus être ouverte.",
      expired: "La date fixée par l’hôte est passée. Demandez un nouveau lien.",
      "used-up": "Il a laissé entrer autant de personnes que l’hôte le permettait. Demandez un nouveau lien.",
      "wrong-passcode": "Les participants n’ont pas pu ouvrir ce que vous avez envoyé. Vérifiez le code et réessayez.",
      denied: "Un hôte en a décidé ainsi. Demandez-lui ou réessayez.",
      locked: "Un hôte ne laisse entrer personne de nouveau. Demandez qu’on l’ouvre, puis réessayez.",
      ended: "Un hôte l’a terminée pour tous. Votre caméra et votre micro sont coupés.",
      failed: "Quelque chose a échoué de notre côté et l’appel n’a pas pu continuer.",
    },
    again: "Revenir",
    retry: "Réessayer",
    home: "Page d’accueil",
  },
};
