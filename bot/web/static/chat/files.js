/** Files on their way to the server: what may be sent, how it goes, and what a picture looks like small. */

export const FILES_AT_ONCE = 5;
export const FILE_LIMIT = 10 * 1024 * 1024; // bytes; the server has the last word
export const ACCEPTED = "image/*,video/mp4,video/quicktime,video/webm,audio/*,.pdf,.txt,.docx,.xlsx,.odt";

const THUMBNAIL = 220; // CSS pixels, the longer side
const SHOWN = /^image\/(jpeg|png|gif|webp|avif)$/;

/** Why these files cannot be sent together, in words; null when they can. */
export function obstacle(files, texts) {
  if (files.length > FILES_AT_ONCE) return texts.tooManyFiles(FILES_AT_ONCE);
  const large = files.find(({ size }) => size > FILE_LIMIT);
  if (large) return texts.fileTooLarge(large.name, FILE_LIMIT / 1024 / 1024);
  const empty = files.find(({ size }) => size === 0);
  return empty ? texts.fileEmpty(empty.name) : null;
}

/**
 * Send one message with files. XMLHttpRequest, because fetch does not tell how far an upload is.
 *
 * @param {(share: number) => void} onProgress from 0 to 1
 * @returns {Promise<object>} the server's frame: `ack` or `refused`
 */
export function upload({ server, visitor, clientId, text, files, onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.append("text", text);
    for (const file of files) form.append("file", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", `${server}/chat/v1/files?client_id=${encodeURIComponent(clientId)}`);
    request.setRequestHeader("Authorization", `Bearer ${visitor}`);
    request.upload.onprogress = ({ lengthComputable, loaded, total }) => lengthComputable && onProgress(loaded / total);
    request.onload = () => {
      try {
        const frame = JSON.parse(request.responseText);
        typeof frame?.type === "string" ? resolve(frame) : reject(new Error("no frame"));
      } catch {
        reject(new Error(`files: HTTP ${request.status}`));
      }
    };
    request.onerror = request.onabort = request.ontimeout = () => reject(new Error("the upload broke off"));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

export function isPicture({ type }) {
  return SHOWN.test(type ?? "");
}

/** A picture drawn small. Onto a canvas: a site's policy may allow no images of ours. Null: it is none. */
export async function thumbnail(blob, name) {
  let picture;
  try {
    picture = await createImageBitmap(blob);
  } catch {
    return null;
  }
  const scale = Math.min(1, THUMBNAIL / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale * devicePixelRatio));
  canvas.height = Math.max(1, Math.round(picture.height * scale * devicePixelRatio));
  canvas.style.width = `${Math.max(1, Math.round(picture.width * scale))}px`;
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", name);
  return canvas;
}
