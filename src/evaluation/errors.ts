import { CodedUserError } from '../errors/user-error.ts';

/** Faults of an evaluation's inputs. The codes are stable; scripts may rely on them. */
export type EvaluationErrorCode =
  | 'set_unreadable'
  | 'set_empty'
  | 'sets_overlap'
  | 'id_without_classes'
  | 'classes_unreadable'
  | 'classes_invalid'
  | 'classes_count'
  | 'classes_unknown_folder'
  | 'classes_missing_folder'
  | 'classes_repeated_folder'
  | 'classes_needed'
  | 'list_invalid'
  | 'preset_id_missing'
  | 'preset_empty'
  | 'preset_arguments'
  | 'templates_unreadable'
  | 'templates_invalid'
  | 'out_unusable';

/** A fault of folders, class list, templates or output directory, with a text for the user. */
export class EvaluationError extends CodedUserError {
  override readonly name = 'EvaluationError';
  readonly code: EvaluationErrorCode;

  constructor(code: EvaluationErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }

  override get exitCode(): 1 | 2 {
    return 2;
  }
}
