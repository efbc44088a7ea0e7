/** Requests for frames, one each. */
import { RequestError } from './dicomweb.js';

// The page preloads its first frame as it is stored (`*`) under this very address, see
// templates/studies/viewer.html.
const ACCEPT = '?accept=application/octet-stream;transfer-syntax=';
const SYNTAX = /transfer-syntax=([\d.]+)/;

const frameUrl = (imageId) => imageId.slice('wadors:'.length);

/** One request for the bytes of a frame, which says how it goes on and can be given up. */
export class FrameRequest {
  #xhr = new XMLHttpRequest(); // fetch would not tell how far it has come

  readers = 0; // who wait for it, other than for those who only fetch ahead
  onProgress = () => {};

  /** @param transferSyntax in which it is to come; `*` is the one in which it is stored */
  constructor(imageId, transferSyntax) {
    const xhr = this.#xhr;
    xhr.open('GET', frameUrl(imageId) + ACCEPT + transferSyntax);
    xhr.responseType = 'arraybuffer';
    xhr.onprogress = () => this.onProgress();
    /** `{ bytes, transferSyntax }`; a RequestError, or an AbortError once it is given up. */
    this.answer = new Promise((resolve, reject) => {
      xhr.onload = () => (xhr.status === 200 ? resolve(read(xhr)) : reject(new RequestError(xhr.status)));
      xhr.onerror = () => reject(new RequestError(0));
      xhr.onabort = () => reject(new DOMException('Nobody waits for it any more.', 'AbortError'));
    });
    xhr.send();
  }

  abort() {
    this.#xhr.abort();
  }
}

function read(xhr) {
  const [, transferSyntax] = xhr.getResponseHeader('Content-Type').match(SYNTAX);
  return { bytes: new Uint8Array(xhr.response), transferSyntax };
}

/** The picture that the server makes of a frame, 8 bits a channel. */
export async function fetchDrawn(imageId) {
  const response = await fetch(`${frameUrl(imageId)}/rendered?accept=image/png`).catch(() => {
    throw new RequestError(0);
  });
  if (!response.ok) throw new RequestError(response.status);
  return createImageBitmap(await response.blob());
}
