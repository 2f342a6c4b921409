/** The build of an image as a library, for the tests that boot it. */
export { commandLineOf, signForFirmware } from "./boot/uki.ts";
export { keyOf } from "./build/inputs.ts";
export { type Commit, type FormerKeys, type Overlay } from "./build/commit.ts";
export { readKeyFingerprints, readVersion } from "./build/facts.ts";
export { readSourceEpoch } from "./build/sources.ts";
export {
  type BootFiles,
  buildBootFiles,
  buildImage,
  buildUkiOf,
  exportCommit,
  type ImageOptions,
  predictionPath,
  type ReleaseImage,
  ukiPath,
} from "./build/image.ts";
export { buildInstaller } from "./build/installer.ts";
export { filesOfNobodyIn } from "./build/coverage.ts";
export { branchOfRelease, publish, writeRepository } from "./build/publish.ts";
export { openWorkshop, type Workshop } from "./build/workshop.ts";
export { Chroot } from "./chroot/chroot.ts";
export { readPackageList } from "./chroot/root-cache.ts";
export { biosBootCode, bootCodeBytes } from "./disk/bios-message.ts";
export {
  askExt4,
  createDisk,
  deviceLayout,
  type DiskLayout,
  editExt4,
  formatEsp,
  formatExt4,
  installerLayout,
  linuxType,
  listEsp,
  mebibyte,
  type Place,
  placeOf,
  removeFromEsp,
  writeEsp,
  writeTable,
} from "./disk/disk-image.ts";
export { addToRoot, pathsOf, writeVerityContent } from "./disk/root-partition.ts";
export { makeKeySet } from "./keys/keys.ts";
export { execute, executeText } from "./process.ts";
export { kernelOf } from "./tree/assemble.ts";
export { installedPackages } from "./tree/packages.ts";
export { readCatalogKey, readCatalogSource, recordImage, writeCatalog } from "./tree/catalog-source.ts";
export { verifyRelease } from "./verify/verb.ts";
