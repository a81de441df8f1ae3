"""The other half of the lock on senders (whitelabel.sender_lock): mail from a service address is that inbox's own."""

from django.db import migrations

SERVICE_SENDER = """
CREATE FUNCTION inboxes_service_sender() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.identity <> 'service' OR (NEW.state = 'cancelled' AND length(NEW.content) = 0) THEN RETURN NEW; END IF;
    IF TG_OP = 'UPDATE' AND NEW.identity = OLD.identity AND NEW.from_address = OLD.from_address
        AND NEW.return_path_domain = OLD.return_path_domain AND NEW.organization_id = OLD.organization_id
    THEN RETURN NEW; END IF;
    IF NEW.return_path_domain <> whitelabel_mail_domain() OR NOT EXISTS (
        SELECT 1 FROM inboxes_serviceaddress
        WHERE organization_id = NEW.organization_id AND state = 'active'
            AND local_key || '@' || whitelabel_mail_domain() = NEW.from_address
    ) THEN
        RAISE EXCEPTION 'the From is not a service address of the organization' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER service_sender
    BEFORE INSERT OR UPDATE OF organization_id, identity, from_address, return_path_domain
    ON whitelabel_outboundmail FOR EACH ROW EXECUTE FUNCTION inboxes_service_sender();
"""
NO_SERVICE_SENDER = """
DROP TRIGGER service_sender ON whitelabel_outboundmail;
DROP FUNCTION inboxes_service_sender();
"""


class Migration(migrations.Migration):
    dependencies = [("inboxes", "0002_row_level_security"), ("whitelabel", "0003_sender_lock")]

    operations = [migrations.RunSQL(SERVICE_SENDER, NO_SERVICE_SENDER)]
