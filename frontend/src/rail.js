/** The list of series at the side. */
import { thumbnailUrl } from './dicomweb.js';

export class Rail {
  #list;
  #buttons = new Map(); // series → its button

  constructor(list, seriesList, onChoose) {
    this.#list = list;
    for (const series of seriesList) {
      const tile = makeTile(series);
      tile.addEventListener('click', () => onChoose(series));
      this.#buttons.set(series, tile);
    }
    list.replaceChildren(
      ...[...this.#buttons.values()].map((tile) => {
        const item = document.createElement('li');
        item.append(tile);
        return item;
      }),
    );
  }

  /** Mark the open series; once its metadata is here, count frames rather than instances. */
  mark(series) {
    this.#list.querySelector('[aria-current]')?.removeAttribute('aria-current');
    const tile = this.#buttons.get(series);
    tile?.setAttribute('aria-current', 'true');
    tile?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    const frames = series?.displaySet?.frames.length;
    if (tile && frames) tile.querySelector('.count').textContent = counted(frames, 'image');
  }

  /** A line more in the tile of a series. */
  note(uid, words) {
    const tile = [...this.#buttons].find(([series]) => series.uid === uid)?.[1];
    tile?.querySelector('.note')?.remove();
    tile?.append(line('note', words));
  }

  /** After the first image, so that no thumbnail stands in its way. */
  loadThumbnails() {
    for (const [series, tile] of this.#buttons) {
      const image = tile.querySelector('img');
      if (image && !image.src) image.src = thumbnailUrl(series.study.uid, series.uid);
    }
  }
}

function makeTile(series) {
  const tile = document.createElement('button');
  tile.type = 'button';
  tile.dataset.seriesInstanceUid = series.uid;
  const number = series.number === undefined ? '' : ` · ${series.number}`;
  tile.append(
    makePicture(series),
    line('name', `${series.modality}${number}`),
    line('description', series.description || series.kind || 'No description'),
    line('count', countOf(series)),
  );
  return tile;
}

/** The letters of the modality, with the server's thumbnail over them when it can draw one. */
function makePicture(series) {
  const picture = line('thumbnail', series.modality);
  picture.setAttribute('aria-hidden', 'true');
  if (series.kind) return picture;
  const image = document.createElement('img');
  image.alt = '';
  image.loading = 'lazy';
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

function line(name, content) {
  const span = document.createElement('span');
  span.className = name;
  span.textContent = content;
  return span;
}
