/**
 * The kinds of events of the TCG PC Client Platform Firmware Profile 1.06 (section 10.4.1), and the PCRs in which each may stand. The
 * kind is not part of what is measured, so whoever changes a log can change it: what is not in this table is refused.
 */
export const eventTypes = {
  postCode: 0x1,
  noAction: 0x3,
  separator: 0x4,
  action: 0x5,
  eventTag: 0x6,
  crtmContents: 0x7,
  crtmVersion: 0x8,
  cpuMicrocode: 0x9,
  platformConfigFlags: 0xa,
  tableOfDevices: 0xb,
  compactHash: 0xc,
  ipl: 0xd,
  nonhostCode: 0xf,
  nonhostConfig: 0x10,
  nonhostInfo: 0x11,
  omitBootDeviceEvents: 0x12,
  postCode2: 0x13,
  variableDriverConfig: 0x8000_0001,
  variableBoot: 0x8000_0002,
  bootServicesApplication: 0x8000_0003,
  bootServicesDriver: 0x8000_0004,
  runtimeServicesDriver: 0x8000_0005,
  gptEvent: 0x8000_0006,
  efiAction: 0x8000_0007,
  platformFirmwareBlob: 0x8000_0008,
  handoffTables: 0x8000_0009,
  platformFirmwareBlob2: 0x8000_000a,
  handoffTables2: 0x8000_000b,
  variableBoot2: 0x8000_000c,
  gptEvent2: 0x8000_000d,
  hcrtmEvent: 0x8000_0010,
  variableAuthority: 0x8000_00e0,
  spdmFirmwareBlob: 0x8000_00e1,
  spdmFirmwareConfig: 0x8000_00e2,
} as const;

export type EventType = keyof typeof eventTypes;

const firmware = [0, 1, 2, 3, 4, 5, 6, 7] as const;
/** What boot loader, stub and kernel write: GRUB 8 and 9, the kernel 9, systemd-stub 11 to 13, systemd-boot 5 and 12, shim 14. */
const systems = [8, 9, 11, 12, 13, 14] as const;

const places: Readonly<Record<EventType, readonly number[]>> = {
  postCode: [0],
  // Where it stands says nothing: it is never measured.
  noAction: [0],
  separator: firmware,
  action: [2, 3, 4, 5, 6],
  eventTag: [1, 5, ...systems],
  crtmContents: [0],
  crtmVersion: [0],
  cpuMicrocode: [1],
  platformConfigFlags: [1],
  tableOfDevices: [1],
  compactHash: [4, 5, 6],
  ipl: [5, ...systems],
  nonhostCode: [0],
  nonhostConfig: [1],
  nonhostInfo: [0],
  omitBootDeviceEvents: [4],
  postCode2: [0],
  variableDriverConfig: [1, 3, 5, 7],
  variableBoot: [1],
  bootServicesApplication: [2, 4],
  bootServicesDriver: [0, 2],
  runtimeServicesDriver: [0, 2],
  gptEvent: [5],
  efiAction: [1, 2, 3, 4, 5, 6, 7],
  platformFirmwareBlob: [0, 2],
  handoffTables: [1],
  platformFirmwareBlob2: [0, 2],
  handoffTables2: [1],
  variableBoot2: [1],
  gptEvent2: [5],
  hcrtmEvent: [0],
  variableAuthority: [7],
  spdmFirmwareBlob: [2],
  spdmFirmwareConfig: [3],
};

const byNumber = new Map(Object.entries(eventTypes).map(([name, number]) => [number as number, name as EventType]));

export const eventTypeOf = (number: number): EventType | undefined => byNumber.get(number);

export const mayStandIn = (type: EventType, pcr: number): boolean => places[type].includes(pcr);

/** The kinds whose digest is that of the event's data (ibid., table 27), which is therefore measured and can be read. */
export const dataIsMeasured: ReadonlySet<EventType> = new Set([
  "separator",
  "action",
  "crtmVersion",
  "efiAction",
  "gptEvent",
  "gptEvent2",
  "omitBootDeviceEvents",
  "variableAuthority",
  "variableBoot2",
  "variableDriverConfig",
]);
