import { catalogue } from "@piccolo/fault";

export const runtimeFaults = catalogue({
  "runtime-missing": {
    retry: "never",
    meaning: "The program that runs apps is not on this machine; install podman and what it needs.",
  },
  "runtime-too-old": { retry: "never", meaning: "Podman is older than this device can use; update it." },
  "runtime-unavailable": {
    retry: "later",
    meaning: "What runs the apps does not answer; it is started again by itself, try in a moment.",
  },
  "runtime-failed": {
    retry: "later",
    meaning:
      "What runs the apps refused or failed. Try again; where that does not help, restart the device, and where it stays so, report it with what is said here.",
  },
  "image-missing": { retry: "never", meaning: "The image is not on this device; install the app again." },
  "image-unreachable": {
    retry: "later",
    meaning: "The registry of the image does not answer or broke off; check the internet connection and try again.",
  },
  "registry-busy": {
    retry: "later",
    meaning: "The registry gives this connection no more images for a while; try again in some hours.",
  },
  "image-refused": { retry: "never", meaning: "The registry has no such image, or does not give it to everybody." },
  "image-digest-differs": {
    retry: "never",
    meaning: "What arrived is not the image the manifest names; nothing of it was kept.",
  },
  "image-architecture": { retry: "never", meaning: "The image is made for another kind of processor." },
  "container-missing": { retry: "never", meaning: "The container is gone; start the app again." },
  "container-exists": { retry: "never", meaning: "There is a container of that name already." },
  "address-taken": {
    retry: "later",
    meaning:
      "All addresses that were tried for the app's network belong to another network, as of your home or a VPN; give that one a range outside of 10.128.0.0/9.",
  },
  "isolation-failed": {
    retry: "never",
    meaning:
      "Nothing runs that is not kept apart from the rest as it should be. Restart the device, then try again; where it happens again, report it with what is said here.",
  },
});
