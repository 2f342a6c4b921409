/**
 * The contract of piccolod's HTTP interface below /api/v1, one entry per JSON operation. The daemon mounts them, the
 * OpenAPI document is made from them, and the typed client is typed by them. Answers to changes of files have the header
 * `piccolo-backup: waiting` where too few members have witnessed the change in time. Uploads (tus), content and events stream
 * and are described in `uploads.ts` and `events.ts`.
 */
import { z } from "@hono/zod-openapi";
import { appBackupRoutes } from "./app-backups.ts";
import { appDefinitionRoutes } from "./app-definitions.ts";
import { appRoutes } from "./app-routes.ts";
import { BootView } from "./boot.ts";
import { FolderCreation, Listing, Node, NodeChange, NodeList, Placement, VersionList } from "./files.ts";
import { Found, Invitation, InvitationList, Join, NetworkView } from "./network.ts";
import { accepted, body, created, id, json, nothing, ok, problem, route } from "./route-parts.ts";
import {
  AskAtBoot,
  Claimed,
  FactoryReset,
  NewPhrase,
  OpenVolume,
  PasswordProof,
  PhraseConfirmation,
  Recover,
  Recovering,
  RecoverySheet,
  Rekey,
  ResetLogin,
  SecurityView,
} from "./security.ts";
import { Claim, PasswordChange, Session, SignIn, Status } from "./session.ts";
import { Task, TaskList } from "./tasks.ts";
import { UploadCheck, UploadCheckResult, UploadList } from "./uploads.ts";

const page = { cursor: z.string().max(2000).optional(), limit: z.coerce.number().int().min(1).max(500).optional() };

export const routes = {
  "GET /status": route({ method: "get", path: "/status", responses: ok("What anyone may know", Status) }),
  "POST /claim": route({
    method: "post",
    path: "/claim",
    request: { body: body(Claim) },
    responses: created("The owner is set up and signed in; the phrase waits to be confirmed", Claimed),
  }),
  "POST /session": route({
    method: "post",
    path: "/session",
    request: { body: body(SignIn) },
    responses: created("Signed in, and unlocked", Session),
  }),
  "POST /unlock": route({
    method: "post",
    path: "/unlock",
    request: { body: body(SignIn) },
    responses: created(
      "Unlocked, and signed in: a session that is alive goes on, with the token it has. Opens a closed device whose password is asked at boot",
      Session,
    ),
  }),
  "POST /reset-login": route({
    method: "post",
    path: "/reset-login",
    request: { body: body(ResetLogin) },
    responses: created("The device takes the new password alone: all sessions ended, unlocked, and signed in", Session),
  }),
  "POST /lock": route({ method: "post", path: "/lock", responses: nothing }),
  "POST /open-volume": route({
    method: "post",
    path: "/open-volume",
    request: { body: body(OpenVolume) },
    responses: created("The closed device is open, sealed anew in its chip, unlocked and signed in", Session),
  }),
  "POST /recover": route({
    method: "post",
    path: "/recover",
    request: { body: body(Recover) },
    responses: {
      202: { description: "The task that does it", ...json(Recovering) },
      default: problem,
    },
  }),
  "POST /factory-reset": route({
    method: "post",
    path: "/factory-reset",
    request: { body: body(FactoryReset) },
    responses: nothing,
  }),
  "GET /session": route({ method: "get", path: "/session", responses: ok("The current session", Session) }),
  "DELETE /session": route({ method: "delete", path: "/session", responses: nothing }),
  "POST /session/password": route({
    method: "post",
    path: "/session/password",
    request: { body: body(PasswordChange) },
    responses: nothing,
  }),

  "GET /security": route({
    method: "get",
    path: "/security",
    responses: ok("Slots, security chip, volume and backup", SecurityView),
  }),
  "GET /security/boot": route({
    method: "get",
    path: "/security/boot",
    responses: ok("How the device was started, step by step, beside what its release predicts", BootView),
  }),
  "DELETE /security/boot/failed-release/{number}": route({
    method: "delete",
    path: "/security/boot/failed-release/{number}",
    request: { params: z.object({ number: z.coerce.number().int().min(1).max(9_999_999_999) }) },
    responses: nothing,
  }),
  "POST /security/phrase": route({
    method: "post",
    path: "/security/phrase",
    request: { body: body(PasswordProof) },
    responses: created("A new phrase: confirming it puts it in the old one's place; a re-key may take it", NewPhrase),
  }),
  "POST /security/phrase/confirm": route({
    method: "post",
    path: "/security/phrase/confirm",
    request: { body: body(PhraseConfirmation) },
    responses: nothing,
  }),
  "GET /security/recovery-sheet": route({
    method: "get",
    path: "/security/recovery-sheet",
    responses: ok("What is printed beside the phrase", RecoverySheet),
  }),
  "POST /security/ask-at-boot": route({
    method: "post",
    path: "/security/ask-at-boot",
    request: { body: body(AskAtBoot) },
    responses: nothing,
  }),
  "POST /security/rekey": route({
    method: "post",
    path: "/security/rekey",
    request: { body: body(Rekey) },
    responses: accepted,
  }),
  "POST /security/re-encrypt": route({
    method: "post",
    path: "/security/re-encrypt",
    request: { body: body(PasswordProof) },
    responses: accepted,
  }),
  "POST /security/reclaim": route({
    method: "post",
    path: "/security/reclaim",
    request: { body: body(Rekey) },
    responses: accepted,
  }),
  "POST /security/accept-recovery": route({
    method: "post",
    path: "/security/accept-recovery",
    request: { body: body(PasswordProof) },
    responses: nothing,
  }),

  "GET /network": route({
    method: "get",
    path: "/network",
    responses: ok("The network as seen from here", NetworkView),
  }),
  "POST /network/join": route({
    method: "post",
    path: "/network/join",
    request: { body: body(Join) },
    responses: accepted,
  }),
  "POST /network/found": route({
    method: "post",
    path: "/network/found",
    request: { body: body(Found) },
    responses: accepted,
  }),
  "GET /network/invitations": route({
    method: "get",
    path: "/network/invitations",
    responses: ok("Invitations of the network", InvitationList),
  }),
  "POST /network/invitations": route({
    method: "post",
    path: "/network/invitations",
    responses: created("An invitation, perhaps still to be co-signed", Invitation),
  }),
  "POST /network/invitations/{id}/cosign": route({
    method: "post",
    path: "/network/invitations/{id}/cosign",
    request: { params: id },
    responses: ok("The co-signed invitation", Invitation),
  }),

  "GET /files": route({
    method: "get",
    path: "/files",
    request: {
      query: z.object({
        parent: z.string().max(64).optional(),
        sort: z.enum(["name", "modified", "size"]).optional(),
        order: z.enum(["asc", "desc"]).optional(),
        ...page,
      }),
    },
    responses: ok("One folder's content", Listing),
  }),
  "GET /files/search": route({
    method: "get",
    path: "/files/search",
    request: { query: z.object({ q: z.string().min(1).max(255), ...page }) },
    responses: ok("Files and folders whose names contain the text", NodeList),
  }),
  "POST /files/folders": route({
    method: "post",
    path: "/files/folders",
    request: { body: body(FolderCreation) },
    responses: created("The new folder", Node),
  }),
  "GET /files/{id}": route({
    method: "get",
    path: "/files/{id}",
    request: { params: id },
    responses: ok("One file or folder", Node),
  }),
  "PATCH /files/{id}": route({
    method: "patch",
    path: "/files/{id}",
    request: { params: id, body: body(NodeChange) },
    responses: ok("Renamed or moved", Node),
  }),
  "DELETE /files/{id}": route({
    method: "delete",
    path: "/files/{id}",
    request: { params: id },
    responses: nothing,
  }),
  "GET /files/{id}/versions": route({
    method: "get",
    path: "/files/{id}/versions",
    request: { params: id },
    responses: ok("Newest first", VersionList),
  }),
  "POST /files/{id}/versions/{versionId}/restore": route({
    method: "post",
    path: "/files/{id}/versions/{versionId}/restore",
    request: { params: id.extend({ versionId: z.string().max(64) }) },
    responses: ok("The file with that version as its current one", Node),
  }),
  "DELETE /files/{id}/versions/{versionId}": route({
    method: "delete",
    path: "/files/{id}/versions/{versionId}",
    request: { params: id.extend({ versionId: z.string().max(64) }) },
    responses: nothing,
  }),
  "GET /files/{id}/placement": route({
    method: "get",
    path: "/files/{id}/placement",
    request: { params: id },
    responses: ok("Where the file lives", Placement),
  }),

  "GET /trash": route({
    method: "get",
    path: "/trash",
    request: { query: z.object(page) },
    responses: ok("What was deleted, newest first", NodeList),
  }),
  "POST /trash/{id}/restore": route({
    method: "post",
    path: "/trash/{id}/restore",
    request: { params: id },
    responses: ok("Back in its folder, or in the top folder when that is gone; renamed if its name is taken", Node),
  }),
  "DELETE /trash/{id}": route({ method: "delete", path: "/trash/{id}", request: { params: id }, responses: nothing }),
  "DELETE /trash": route({ method: "delete", path: "/trash", responses: accepted }),

  "GET /catalog": appRoutes["GET /catalog"],
  "GET /catalogs": appRoutes["GET /catalogs"],
  "POST /catalogs": appRoutes["POST /catalogs"],
  "POST /catalogs/{id}/renew": appRoutes["POST /catalogs/{id}/renew"],
  "DELETE /catalogs/{id}": appRoutes["DELETE /catalogs/{id}"],
  "POST /apps/preflight": appRoutes["POST /apps/preflight"],
  ...appDefinitionRoutes,
  "GET /apps": appRoutes["GET /apps"],
  "POST /apps": appRoutes["POST /apps"],
  "GET /apps/{id}": appRoutes["GET /apps/{id}"],
  "POST /apps/{id}/start": appRoutes["POST /apps/{id}/start"],
  "POST /apps/{id}/stop": appRoutes["POST /apps/{id}/stop"],
  "POST /apps/{id}/retry": appRoutes["POST /apps/{id}/retry"],
  "DELETE /apps/{id}/notices/{noticeId}": appRoutes["DELETE /apps/{id}/notices/{noticeId}"],
  "POST /apps/{id}/update": appRoutes["POST /apps/{id}/update"],
  "POST /apps/{id}/rollback": appRoutes["POST /apps/{id}/rollback"],
  "POST /apps/{id}/configure": appRoutes["POST /apps/{id}/configure"],
  "POST /apps/{id}/backup": appRoutes["POST /apps/{id}/backup"],
  "POST /apps/{id}/snapshots/{snapshotId}/restore": appRoutes["POST /apps/{id}/snapshots/{snapshotId}/restore"],
  "DELETE /apps/{id}/snapshots/{snapshotId}": appRoutes["DELETE /apps/{id}/snapshots/{snapshotId}"],
  "DELETE /apps/{id}/rollback": appRoutes["DELETE /apps/{id}/rollback"],
  "DELETE /apps/{id}": appRoutes["DELETE /apps/{id}"],
  "GET /apps/{id}/secrets": appRoutes["GET /apps/{id}/secrets"],
  "GET /apps/{id}/logs": appRoutes["GET /apps/{id}/logs"],
  "GET /apps/{id}/problem-log": appRoutes["GET /apps/{id}/problem-log"],
  "GET /apps/{id}/resources": appRoutes["GET /apps/{id}/resources"],
  "GET /apps/{id}/events": appRoutes["GET /apps/{id}/events"],
  "GET /app-trash": appRoutes["GET /app-trash"],
  "POST /app-trash/{id}/restore": appRoutes["POST /app-trash/{id}/restore"],
  "DELETE /app-trash/{id}": appRoutes["DELETE /app-trash/{id}"],
  ...appBackupRoutes,

  "GET /uploads": route({ method: "get", path: "/uploads", responses: ok("Unfinished uploads", UploadList) }),
  "POST /uploads/{id}/check": route({
    method: "post",
    path: "/uploads/{id}/check",
    request: { params: id, body: body(UploadCheck) },
    responses: ok("Whether the chosen file is the one begun", UploadCheckResult),
  }),

  "GET /tasks": route({
    method: "get",
    path: "/tasks",
    responses: ok("Running tasks and the last ended ones", TaskList),
  }),
  "GET /tasks/{id}": route({
    method: "get",
    path: "/tasks/{id}",
    request: { params: id },
    responses: ok("A task", Task),
  }),
  "DELETE /tasks/{id}": route({
    method: "delete",
    path: "/tasks/{id}",
    request: { params: id },
    responses: ok("Cancelled, if it could be", Task),
  }),
} as const;

export type Routes = typeof routes;
export type RouteName = keyof Routes;
