"""Every migration, in order. What is in here once is never changed; a new one is put at the end."""

from service.mongo.migrations.conversation_parts import number_parts
from service.mongo.migrations.former_indexes import drop_former_indexes
from service.mongo.migrations.model import Migration
from service.mongo.migrations.profile_figures import rebuild_profiles
from service.mongo.migrations.profile_rows import join_rows
from service.mongo.migrations.stage_changes import rename_stage_changes

MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "number the parts of threads", number_parts),
    Migration(2, "put sessions and devices together", join_rows),
    Migration(3, "make profiles anew", rebuild_profiles),
    Migration(4, "drop former indexes", drop_former_indexes),
    Migration(5, "name changes of the stage as documented", rename_stage_changes),
)
