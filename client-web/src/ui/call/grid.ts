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
  /** The tiles are at their smallest and do not fit: the stage scrolls. */
  readonly scrolls: boolean;
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
/** Below this width a face is no longer recognised, so the stage scrolls instead. */
const SMALLEST_TILE_WIDTH = 104;

/** The best grid for `count` tiles. Never larger than the stage unless it scrolls. */
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
      best = { columns, rows, tileWidth, tileHeight, scrolls: false };
    }
  }
  const smallest = Math.min(SMALLEST_TILE_WIDTH, Math.max(1, Math.floor(stage.width)));
  return best === undefined || best.tileWidth < smallest ? scrollingGrid(tiles, stage, smallest) : best;
}

function scrollingGrid(tiles: number, stage: Stage, smallest: number): Grid {
  const columns = Math.max(1, Math.min(tiles, Math.floor((stage.width + stage.gap) / (smallest + stage.gap))));
  const tileWidth = Math.max(1, Math.floor(cellOf(columns, 1, stage).width));
  return {
    columns,
    rows: Math.ceil(tiles / columns),
    tileWidth,
    tileHeight: Math.max(1, Math.floor(tileWidth / WIDEST)),
    scrolls: true,
  };
}

function cellOf(columns: number, rows: number, stage: Stage): { width: number; height: number } {
  return {
    width: (stage.width - stage.gap * (columns - 1)) / columns,
    height: (stage.height - stage.gap * (rows - 1)) / rows,
  };
}
