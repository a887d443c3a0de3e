// Reloads a page of the canvas folder when a file in it changes. What stands behind the question
// mark is the version of the files that the page was made from.
new EventSource("/__clawdbot__/changes" + new URL(document.currentScript.src).search).onmessage =
  () => location.reload();
