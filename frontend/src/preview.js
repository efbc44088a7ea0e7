/** The picture that the server has drawn into the page, until the page shows one of its own. */

/** Take it away once a pane of the viewer shows something, says why not, or is to show another series. */
export function endPreviewWith(viewer) {
  const preview = document.querySelector('#preview');
  if (!preview) return;
  const end = () => preview.remove();
  viewer.addEventListener('grid', end);
  viewer.addEventListener('state', ({ detail: { pane } }) => {
    const { state, seriesInstanceUid } = pane.element.dataset;
    const isOther = seriesInstanceUid && seriesInstanceUid !== document.body.dataset.firstSeriesUid;
    if (isOther || !['empty', 'loading'].includes(state)) end();
  });
}
