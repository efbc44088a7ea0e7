/** The picture that the server has drawn into the page, until the page shows one of its own. */

/** Let it lie over the first pane until a pane shows something, says why not, or is to show another series. */
export function endPreviewWith(viewer) {
  const preview = document.querySelector('#preview');
  if (!preview) return;
  viewer.addEventListener('grid', () => {
    if (preview.isConnected) viewer.panes[0].element.append(preview);
  });
  viewer.addEventListener('state', ({ detail: { pane } }) => {
    const { state, seriesInstanceUid } = pane.element.dataset;
    const isOther =
      pane === viewer.panes[0] && seriesInstanceUid && seriesInstanceUid !== document.body.dataset.firstSeriesUid;
    if (isOther || !['empty', 'loading'].includes(state)) preview.remove();
  });
}
