"""Each sentence of the API's document (contract/contacts-api.txt), by section, and the tests that show it.

Files are in `integration/`. `test_document.py` fails for a sentence without a test, and for a test that is gone.
"""

CREATE, UPDATE, DELETE = "test_create_contact.py::", "test_update_contact.py::", "test_delete_contact.py::"
LIST, MODEL, NOTES, ACTIONS = (
    "test_list_contacts.py::",
    "test_list_contacts_model.py::",
    "test_notes.py::",
    "test_actions.py::",
)
EVENTS, BATCH, TIMELINE, TALKS = (
    "test_events_api.py::",
    "test_batch.py::",
    "test_timeline_api.py::",
    "test_conversations.py::",
)
BAD = "test_bad_requests.py::"

CREATED = CREATE + "test_a_contact_is_created_and_read_back"
FILTERS = LIST + "test_filters"
MODELLED = MODEL + "test_every_list_equals_the_model"
PAGES = LIST + "test_pages_by_number"
LISTED = LIST + "test_a_list_has_whole_contacts_newest_first_and_says_how_many_there_are"
DETAIL = ACTIONS + "test_a_stage_is_changed_with_its_reason"
SCOPES = "../architecture/test_document.py::test_scopes_are_the_documents"
NOTE = NOTES + "test_a_note_is_written_read_edited_and_removed"
THREAD = TALKS + "test_a_thread_and_its_messages"
NEWEST = TALKS + "test_newest_threads_first_and_the_newest_messages_oldest_first"
STREAM = TIMELINE + "test_all_events_newest_first_unless_told_otherwise"

STAGES = "lead, prospect, mql, sql, opportunity, customer, evangelist, subscriber, other."

Row = tuple[str, list[str]]

TABLE: dict[str, list[Row]] = {
    "": [
        ("Contacts API", [CREATED]),
        ("Contacts represent people in your Pathbound CRM.", [CREATED]),
        (
            "Each contact has a unified profile, an event timeline, conversation history, and a list of notes.",
            [DETAIL, STREAM, THREAD, NOTE],
        ),
        (
            # Agents and segments are other services': here the ids are carried.
            "Contacts can be associated with a company, targeted by agents, and grouped by segments.",
            [CREATED, FILTERS],
        ),
    ],
    "POST /v1/contacts": [
        ("Required scope: contacts:write", [SCOPES]),
        (
            "emailstringyesContact email address (must be unique).",
            [CREATED, CREATE + "test_fifty_at_once_with_one_address_make_one_contact"],
        ),
        (
            "propertiesobjectnoArbitrary key-value properties for the contact.",
            [CREATED, BAD + "test_largest_values_are_given_back_exactly"],
        ),
        (
            "visitor_idstring | string[]noWebsite visitor ID(s) from the tracker to associate.",
            [CREATE + "test_a_visitor_id_belongs_to_one_contact"],
        ),
        ('"status": "success",', [CREATED]),
        ('"contact": { /* contact object */ }', [CREATED]),
        (
            "Returns 409 Conflict if a contact with the same email already exists.",
            [CREATE + "test_fifty_at_once_with_one_address_make_one_contact"],
        ),
    ],
    "GET /v1/contacts": [
        ("Required scope: contacts:read", [SCOPES]),
        ("pagenumber1Page number.", [PAGES]),
        (
            "limitnumber20Results per page (1–100).",
            [PAGES, "test_list_contacts_refusals.py::test_a_parameter_that_is_not_understood_is_named"],
        ),
        ("statusstringFilter: enriched or not_enriched.", [FILTERS, MODELLED]),
        ("lifecycle_stagestringFilter by lifecycle stage (" + STAGES[:-1] + ").", [FILTERS, MODELLED]),
        ("lead_statusstringFilter by lead status.", [FILTERS, MODELLED]),
        ("countrystringFilter by country.", [FILTERS, MODELLED]),
        ("industrystringFilter by industry.", [FILTERS, MODELLED]),
        ("citystringFilter by city.", [FILTERS, MODELLED]),
        ("statestringFilter by state/region.", [FILTERS, MODELLED]),
        ("job_titlestringFilter by job title (case-insensitive match).", [FILTERS, MODELLED]),
        ("has_linkedinbooleanFilter contacts with/without a LinkedIn profile.", [FILTERS, MODELLED]),
        ("company_idstringFilter by associated company ID.", [FILTERS, MODELLED]),
        (
            "created_afterstringOnly contacts created after this ISO 8601 date.",
            [FILTERS, LIST + "test_the_bounds_of_the_creation_date_are_exclusive"],
        ),
        (
            "created_beforestringOnly contacts created before this ISO 8601 date.",
            [FILTERS, LIST + "test_the_bounds_of_the_creation_date_are_exclusive"],
        ),
        ("searchstringFree-text search across name, email, company, job title.", [FILTERS, MODELLED]),
        (
            "sort_bystringField to sort by (email, firstname, lastname, company, createdate).",
            [MODELLED, LIST + "test_sorting_ignores_case_and_accents_and_takes_what_is_missing_for_empty"],
        ),
        ("sort_dirstringdescSort direction (asc or desc).", [MODELLED, LISTED]),
        ("count_onlybooleanfalseIf true, return only { count } — no records.", [LISTED]),
        ("fieldsstringSet to summary for a compact ~200 byte/contact response.", [LIST + "test_a_summary_is_compact"]),
        ('"status": "success",', [LISTED]),
        ('"contacts": [ /* contact objects */ ],', [LISTED]),
        ('"pagination": {', [LISTED]),
        ('"page": 1,', [LISTED]),
        ('"limit": 20,', [LISTED]),
        ('"total_pages": 5,', [PAGES]),
        ('"total_items": 100', [LISTED]),
        ("For a “how many” question, prefer count_only=true.", [LISTED]),
        (
            "For multi-entity lookups, use the batch API instead of paginating with filters.",
            [BATCH + "test_25_at_once"],
        ),
    ],
    "GET /v1/contacts/:contact_id": [
        ("Required scope: contacts:read", [SCOPES]),
        ("Returns the contact along with its unified profile, recent actions, and recent events.", [DETAIL]),
        ('"status": "success",', [DETAIL]),
        ('"contact": { /* contact object */ },', [DETAIL]),
        (
            '"unified_profile": { /* profile data */ },',
            [UPDATE + "test_an_external_id_known_to_the_registry_resolves_events"],
        ),
        ('"actions": [ /* recent actions */ ],', [DETAIL]),
        ('"events": [ /* recent events */ ]', [DETAIL]),
    ],
    "PUT /v1/contacts/:contact_id": [
        ("Required scope: contacts:write", [SCOPES]),
        ("propertiesobjectnoProperties to update or add (merge).", [UPDATE + "test_an_update_merges_and_null_removes"]),
        (
            "visitor_idstring | string[]noVisitor ID(s) to associate.",
            [UPDATE + "test_a_visitor_id_stitches_its_history"],
        ),
        (
            "To change a contact’s lifecycle stage, set properties.lifecyclestage to one of the allowed values.",
            [UPDATE + "test_changes_are_published_and_in_the_timeline"],
        ),
        (
            "For audited stage transitions (with a reason), use the update_lifecycle_stage action — see Actions.",
            [DETAIL],
        ),
        (STAGES, [UPDATE + "test_lifecyclestage_takes_its_nine_values_only"]),
    ],
    "DELETE /v1/contacts/:contact_id": [
        ("Required scope: contacts:write", [SCOPES]),
        ("Permanently removes the contact and its notes.", [DELETE + "test_ten_thousand_notes_are_removed_too"]),
        (
            "Events and actions remain in the audit log.",
            [
                DELETE + "test_a_deleted_contact_is_gone_and_its_history_is_not",
                ACTIONS + "test_actions_are_listed_by_filter_page_and_cursor",
            ],
        ),
    ],
    "GET /v1/contacts/events/:contact_id": [
        ("Required scope: contacts:read", [SCOPES]),
        (
            "Returns all events associated with a contact.",
            [STREAM, TIMELINE + "test_memory_does_not_grow_with_the_number_of_events"],
        ),
        (
            "For aggregate event queries (across many contacts), use the Events API directly.",
            [EVENTS + "test_filters_alone_and_combined"],
        ),
        ("event_typestringFilter by event type.", [TIMELINE + "test_filtered_by_event_type"]),
        ("sort_dirstringdescSort direction (asc or desc).", [STREAM]),
        ('"status": "success",', [STREAM]),
        ('"events": [ /* event objects */ ]', [STREAM]),
    ],
    "GET /v1/contacts/:contact_id/conversations": [
        ("Required scope: contacts:read", [SCOPES]),
        ("Returns the contact’s email (Gmail) and Intercom conversation history.", [THREAD]),
        ("include_messagesbooleanfalseInclude the full message bodies, not just thread metadata.", [THREAD]),
        ("messages_per_threadnumber5Max messages per thread when include_messages=true.", [NEWEST]),
        ("limitnumber20Total threads to return.", [NEWEST]),
    ],
    "GET /v1/contacts/:contact_id/email-threads": [
        ("Required scope: contacts:read", [SCOPES]),
        ("Returns a compact list of Gmail threads for the contact.", [THREAD]),
        (
            # Sending mail is another service's action; this one gives the id to pass on.
            "Use this when drafting a follow-up via the Actions API: pass the returned thread_id into email_message "
            "action params to keep the message in the existing thread.",
            [THREAD],
        ),
    ],
    "Notes": [
        (
            "Each contact can have an unlimited list of free-form notes.",
            [NOTES + "test_notes_are_listed_newest_first_and_by_cursor"],
        ),
        ("Notes are written directly (no approval flow) and are visible to anyone with contacts:read.", [NOTE, SCOPES]),
    ],
    "GET /v1/contacts/:contact_id/notes": [("Required scope: contacts:read", [SCOPES])],
    "POST /v1/contacts/:contact_id/notes": [
        ("Required scope: contacts:write", [SCOPES]),
        ("contentstringyesNote body (markdown).", [NOTE, NOTES + "test_bad_contents_are_refused"]),
    ],
    "PATCH /v1/contacts/:contact_id/notes/:note_id": [("Required scope: contacts:write", [SCOPES, NOTE])],
    "DELETE /v1/contacts/:contact_id/notes/:note_id": [("Required scope: contacts:write", [SCOPES, NOTE])],
}
