// Says on a tile why its encryption is not known to be good; nothing where it is.

import type { Participant } from "../../index.ts";
import { Icon } from "../icon.tsx";
import { text } from "../text.ts";

export function CryptoMark({ crypto }: Pick<Participant, "crypto">) {
  if (crypto.state === "secure") {
    return null;
  }
  return (
    <p class="tile-crypto" data-kind={crypto.state}>
      <Icon name={crypto.state === "waiting" ? "hourglass" : "shieldWarning"} size={16} />
      <span>
        <strong>{text.crypto.label[crypto.state]}</strong>
        <span class="tile-reason"> {text.crypto.reason[crypto.reason]}</span>
      </span>
    </p>
  );
}
