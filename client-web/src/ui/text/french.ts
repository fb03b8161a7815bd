// French.

import type { Texts } from "./english.ts";
import { type DeviceProblemWords, pluralOf } from "./words.ts";

const plural = pluralOf("fr");

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
    host: "Hôte",
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

  stillThere: {
    title: "Êtes-vous encore là ?",
    body: (time) => `Vous êtes seul dans la réunion. Vous la quitterez dans ${time}.`,
    stay: "Je suis là",
  },

  view: {
    grid: "Vue en grille",
    speaker: "Vue de l’orateur",
    others: "Les autres",
    showSelf: "Afficher mon image",
    hideSelf: "Masquer mon image",
    fullScreen: "Plein écran",
    leaveFullScreen: "Quitter le plein écran",
    pip: "Image dans l’image",
    leavePip: "Quitter l’image dans l’image",
    inPip: "La réunion est dans la petite fenêtre.",
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
    talkHint: "Tenez Espace pour parler",
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
      "Les messages sont chiffrés comme l’appel et ne sont gardés nulle part. Qui arrive plus tard ne les voit pas.",
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
    tooLong: (most) => plural(most, { other: "Un message contient au plus # caractères." }),
    tooMany: "Un peu moins vite : les autres ne recevraient pas autant de messages.",
    said: (name, words) => `${name} : ${words}`,
  },

  shortcuts: {
    title: "Raccourcis clavier",
    microphone: "Micro activé ou coupé",
    camera: "Caméra allumée ou éteinte",
    talk: "Parler tant que vous la tenez",
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
    serverSeesItems: [
      "les adresses IP, le numéro de la salle et qui est en ligne quand",
      "combien de personnes sont dans l’appel, et qui arrive ou part, par des nombres aléatoires",
      "combien de données chacun envoie, et quand",
    ],
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
      lost: "Votre connexion a été perdue",
      recovered: "Votre connexion est revenue",
    },
    epochShort: (epoch) => `changement de clé ${epoch}`,
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
      failed: "L’appel est terminé",
    },
    body: {
      left: "Votre caméra et votre micro sont éteints.",
      removed: "Un hôte vous a fait sortir. Votre caméra et votre micro sont éteints.",
      "room-full": "Ce serveur n’y admet pas plus de monde. Réessayez quand quelqu’un sera parti.",
      "room-not-found": "Le lien est ancien ou copié en partie. Demandez-en un nouveau.",
      replaced: "Cet onglet n’est plus dans l’appel ; l’autre continue.",
      refused: "Il n’a pas laissé ce navigateur entrer dans l’appel.",
      failed: "Quelque chose a échoué de notre côté et l’appel n’a pas pu continuer.",
    },
    again: "Revenir",
    retry: "Réessayer",
    home: "Page d’accueil",
  },
};
