/** The DICOMweb (PS3.18) addresses of one study, and its two JSON requests. */

const { studyInstanceUid, dicomwebRoot } = document.body.dataset;
const STUDY = `${dicomwebRoot}/studies/${studyInstanceUid}`;

class RequestError extends Error {
  /** @param {number} status HTTP status, 0 when no answer came */
  constructor(status) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

const seriesUrl = (series) => `${STUDY}/series/${series}`;
const instanceUrl = (series, instance) => `${seriesUrl(series)}/instances/${instance}`;

export const thumbnailUrl = (series) => `${seriesUrl(series)}/thumbnail`;

/** One Part 10 file, not multipart, so that a plain link can save it. */
export const downloadUrl = (series, instance) =>
  `${instanceUrl(series, instance)}?accept=application/dicom;transfer-syntax=*`;

/** The name under which Cornerstone fetches, decodes and caches one frame (counted from 1). */
export const imageId = (series, instance, frame) =>
  `wadors:${instanceUrl(series, instance)}/frames/${frame}`;

export const searchForSeries = () => fetchJson(`${STUDY}/series`);
export const retrieveSeriesMetadata = (series, signal) =>
  fetchJson(`${seriesUrl(series)}/metadata`, signal);

async function fetchJson(url, signal) {
  const response = await fetch(url, { headers: { Accept: 'application/dicom+json' }, signal })
    .catch((error) => {
      if (error.name === 'AbortError') throw error;
      throw new RequestError(0);
    });
  if (!response.ok) throw new RequestError(response.status);
  return response.status === 204 ? [] : response.json(); // 204: nothing found, PS3.18 10.6.3
}
