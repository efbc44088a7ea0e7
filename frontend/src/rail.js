/** The list of series at the side: those of the page's study, and of others below. */
import { thumbnailUrl } from './dicomweb.js';
import { element } from './dom.js';

export class Rail {
  #open;
  #tiles = new Map(); // series → its button
  #hasThumbnails = false;

  /** @param open (series, isNext): into the active pane, or into the one after it */
  constructor(open) {
    this.#open = open;
  }

  /** Show tiles for these series in a list. */
  list(list, seriesList) {
    list.replaceChildren(...seriesList.map((series) => this.#item(series)));
    if (this.#hasThumbnails) this.loadThumbnails();
  }

  seriesOf(tile) {
    return [...this.#tiles.keys()].find((series) => this.#tiles.get(series) === tile);
  }

  /** Mark what the panes show; once its metadata is here, count frames rather than instances. */
  mark({ active, panes }) {
    const shown = new Set(panes.map(({ series }) => series));
    for (const [series, tile] of this.#tiles) {
      tile.toggleAttribute('data-shown', shown.has(series));
      tile.removeAttribute('aria-current');
      const frames = series.displaySet?.frames.length;
      if (frames) tile.querySelector('.count').textContent = counted(frames, 'image');
    }
    const current = this.#tiles.get(active.series);
    current?.setAttribute('aria-current', 'true');
    current?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }

  /** After the first image, so that no thumbnail stands in its way. */
  loadThumbnails() {
    this.#hasThumbnails = true;
    for (const [series, tile] of this.#tiles) {
      const image = tile.querySelector('img');
      if (image && !image.src) image.src = thumbnailUrl(series.study.uid, series.uid);
    }
  }

  #item(series) {
    const tile = makeTile(series);
    tile.addEventListener('click', () => this.#open(series, false));
    tile.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || !event.shiftKey) return;
      event.preventDefault(); // which would be a click
      this.#open(series, true);
    });
    this.#tiles.set(series, tile);
    return element('li', {}, tile);
  }
}

function makeTile(series) {
  const number = series.number === undefined ? '' : ` · ${series.number}`;
  const title = 'Drag into a pane; Shift Enter opens it in the next one';
  const tile = element(
    'button',
    { type: 'button', title },
    makePicture(series),
    line('name', `${series.modality}${number}`),
    line('description', series.description || series.kind || 'No description'),
    line('count', countOf(series)),
  );
  tile.dataset.seriesInstanceUid = series.uid;
  return tile;
}

/** The letters of the modality, with the server's thumbnail over them when it can draw one. */
function makePicture(series) {
  const picture = line('thumbnail', series.modality);
  picture.setAttribute('aria-hidden', 'true');
  if (series.kind) return picture;
  const image = element('img', { alt: '', loading: 'lazy' });
  image.addEventListener('error', () => image.remove());
  picture.append(image);
  return picture;
}

function countOf(series) {
  if (series.instances === undefined) return '';
  if (!series.kind) return counted(series.instances, 'image');
  return series.description ? series.kind : counted(series.instances, 'object');
}

const counted = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;

const line = (className, textContent) => element('span', { className, textContent });
