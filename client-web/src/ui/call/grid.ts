// Finds the rows and columns that show a number of pictures as large as a stage allows.

/** The space that tiles share, in CSS pixels. */
export interface Stage {
  readonly width: number;
  readonly height: number;
  readonly gap: number;
}

/** Where the tiles go; all have one size. */
export interface Grid {
  readonly columns: number;
  readonly rows: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
}

/** How far a picture may be cropped at its sides to fill more of the stage. */
interface Cropping {
  /** Width by height of the narrowest tile. */
  readonly narrowest: number;
  /** What hiding a part of the picture costs: the exponent of the share that stays visible. */
  readonly price: number;
}

/** Cameras send 16:9; a wider tile would only show less of a face. */
const WIDEST = 16 / 9;
/** On a lying stage there is room for whole pictures. */
const LYING: Cropping = { narrowest: 1.2, price: 0.5 };
/** On an upright phone a face in a narrow tile is better than a small one; many cameras there are upright too. */
const UPRIGHT: Cropping = { narrowest: 0.62, price: 0.15 };
/** Below these a face is no longer recognised, so the rest goes to another page. */
const SMALLEST_TILE = { lying: 150, upright: 104 };
/** More faces at once than anybody follows, or a browser decodes. */
const MOST_ON_PAGE = 49;

/** How many of `count` tiles one page shows: as many as stay recognisable, and as evenly spread as pages allow. */
export function pageSize(count: number, stage: Stage): number {
  const smallest = stage.height > stage.width ? SMALLEST_TILE.upright : SMALLEST_TILE.lying;
  let most = Math.min(count, MOST_ON_PAGE);
  while (most > 1 && bestGrid(most, stage).tileWidth < smallest) {
    most -= 1;
  }
  const fits = Math.max(1, most);
  return Math.max(1, Math.ceil(count / Math.ceil(Math.max(1, count) / fits)));
}

/** The best grid for `count` tiles. Never larger than the stage. */
export function bestGrid(count: number, stage: Stage): Grid {
  const tiles = Math.max(1, count);
  const { narrowest, price } = stage.height > stage.width ? UPRIGHT : LYING;
  let best: Grid | undefined;
  let bestScore = -1;
  for (let columns = 1; columns <= tiles; columns += 1) {
    const rows = Math.ceil(tiles / columns);
    const cell = cellOf(columns, rows, stage);
    if (cell.width <= 0 || cell.height <= 0) {
      continue;
    }
    const aspect = Math.min(WIDEST, Math.max(narrowest, cell.width / cell.height));
    const tileWidth = Math.floor(Math.min(cell.width, cell.height * aspect));
    const tileHeight = Math.floor(Math.min(cell.height, cell.width / aspect));
    const score = tileWidth * tileHeight * (aspect / WIDEST) ** price;
    if (score > bestScore) {
      bestScore = score;
      best = { columns, rows, tileWidth, tileHeight };
    }
  }
  // No room at all, as while the page is laid out.
  return best ?? { columns: tiles, rows: 1, tileWidth: 1, tileHeight: 1 };
}

function cellOf(columns: number, rows: number, stage: Stage): { width: number; height: number } {
  return {
    width: (stage.width - stage.gap * (columns - 1)) / columns,
    height: (stage.height - stage.gap * (rows - 1)) / rows,
  };
}
