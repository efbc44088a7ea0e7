/** The DICOMweb (PS3.18) addresses of this page's own server, and two of its JSON requests. */

const { dicomwebRoot } = document.body.dataset;

export class RequestError extends Error {
  /**
   * @param {number} status HTTP status, 0 when no answer came
   * @param detail what the server says of it
   */
  constructor(status, detail) {
    super(`HTTP ${status}`);
    this.status = status;
    this.detail = detail;
  }
}

const studyUrl = (study) => `${dicomwebRoot}/studies/${study}`;
const seriesUrl = (study, series) => `${studyUrl(study)}/series/${series}`;
export const instanceUrl = (study, series, instance) =>
  `${seriesUrl(study, series)}/instances/${instance}`;

export const thumbnailUrl = (study, series) => `${seriesUrl(study, series)}/thumbnail`;

/** One Part 10 file, not multipart, so that a plain link can save it. */
export const downloadUrl = (study, series, instance) =>
  `${instanceUrl(study, series, instance)}?accept=application/dicom;transfer-syntax=*`;

/** The name under which Cornerstone fetches, decodes and caches one frame (counted from 1). */
export const imageId = (study, series, instance, frame) =>
  `wadors:${instanceUrl(study, series, instance)}/frames/${frame}`;

export const searchForSeries = (study) => fetchJson(`${studyUrl(study)}/series`);
export const retrieveSeriesMetadata = (study, series, signal) =>
  fetchJson(`${seriesUrl(study, series)}/metadata`, signal);

/** @throws {RequestError} */
export async function fetchBytes(address, accept, signal) {
  const response = await fetch(address, { headers: { Accept: accept }, signal }).catch((error) => {
    if (error.name === 'AbortError') throw error;
    throw new RequestError(0);
  });
  if (!response.ok) throw new RequestError(response.status);
  return new Uint8Array(await response.arrayBuffer());
}

/** A binary value that stands in the header itself, undefined where it does not. */
export const bytesOf = ({ InlineBinary: base64 }) =>
  base64 && Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

async function fetchJson(url, signal) {
  const response = await fetch(url, { headers: { Accept: 'application/dicom+json' }, signal })
    .catch((error) => {
      if (error.name === 'AbortError') throw error;
      throw new RequestError(0);
    });
  if (!response.ok) throw new RequestError(response.status);
  return response.status === 204 ? [] : response.json(); // 204: nothing found, PS3.18 10.6.3
}
