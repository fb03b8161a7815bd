// The drawing on the start page: four people, one lock between them, no server in the middle.

const PEOPLE = [
  { x: 8, y: 8, tone: 0 },
  { x: 214, y: 8, tone: 3 },
  { x: 8, y: 164, tone: 2 },
  { x: 214, y: 164, tone: 6 },
] as const;

export function Picture() {
  return (
    <svg class="picture" viewBox="0 0 412 312" aria-hidden="true" focusable="false">
      <defs>
        <clipPath id="picture-tile">
          <rect width="190" height="140" rx="20" />
        </clipPath>
      </defs>
      {PEOPLE.map(({ x, y, tone }) => (
        <g key={tone} transform={`translate(${x} ${y})`} clip-path="url(#picture-tile)">
          <rect class="picture-tile" width="190" height="140" rx="20" />
          <g data-tone={tone}>
            <circle class="picture-face" cx="95" cy="58" r="25" />
            <ellipse class="picture-body" cx="95" cy="142" rx="56" ry="46" />
          </g>
        </g>
      ))}
      <circle class="picture-ground" cx="206" cy="156" r="46" />
      <circle class="picture-seal" cx="206" cy="156" r="37" />
      <g class="picture-lock">
        <rect x="191" y="153" width="30" height="22" rx="5" />
        <path d="M197 153v-7a9 9 0 0 1 18 0v7" />
      </g>
    </svg>
  );
}
