// Tells a person what their browser lacks, instead of joining unsafely.

import type { Feature } from "../index.ts";
import { Icon } from "./icon.tsx";
import { PageHeader } from "./page.tsx";
import { text } from "./text.ts";

export function UnsupportedScreen({ missing }: { readonly missing: readonly Feature[] }) {
  return (
    <div class="page">
      <PageHeader />
      <main class="notice-page">
        <div class="card">
          <span class="card-icon warn">
            <Icon name="shieldWarning" size={28} />
          </span>
          <h1>{text.unsupported.title}</h1>
          <p>{text.unsupported.lead}</p>
          <ul class="missing">
            {missing.map((feature) => (
              <li key={feature}>{text.unsupported.features[feature]}</li>
            ))}
          </ul>
          <p class="muted">{isSecureContext ? text.unsupported.advice : text.unsupported.insecure}</p>
        </div>
      </main>
    </div>
  );
}
