# One zip a function, made here (docs/decisions/0020). tools/generate/package.py follows the same rule.

locals {
  repository = "${path.module}/.."
  # The only place that holds the version; a file without it stops the plan.
  version = one(regex("(?m)^__version__ = \"([^\"]+)\"$", file("${local.repository}/shared/__init__.py")))
  stages  = toset(["parse", "features", "aggregate", "deadletter"])

  package_files = {
    for name in local.stages : name => merge(
      {
        for path in setunion(
          fileset(local.repository, "functions/*.py"),
          fileset(local.repository, "functions/${name}/**/*.py"),
          fileset(local.repository, "shared/**/*.py"),
        ) : path => file("${local.repository}/${path}")
      },
      {
        "main.py"          = templatefile("${path.module}/package/main.py.tftpl", { name = name })
        "requirements.txt" = file("${local.repository}/functions/${name}/requirements.txt")
      },
    )
  }

  # One line a file, sorted by path, hashed: the same whatever compresses it.
  content_hash = {
    for name, files in local.package_files : name => sha256(join("", [
      for path in sort(keys(files)) : "${sha256(files[path])}  ${path}\n"
    ]))
  }
}

data "archive_file" "package" {
  for_each = local.stages

  type             = "zip"
  output_path      = "${path.module}/build/${each.key}-${substr(local.content_hash[each.key], 0, 16)}.zip"
  output_file_mode = "0644"

  dynamic "source" {
    for_each = local.package_files[each.key]
    content {
      filename = source.key
      content  = source.value
    }
  }
}

resource "google_storage_bucket" "source" {
  # checkov:skip=CKV_GCP_62:holds build inputs that the builder reads; Cloud Build's own log names each read
  name                        = "${var.project_id}-${var.name_prefix}-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # everything in it can be built again

  versioning {
    enabled = true
  }

  # Terraform deletes a replaced zip; the version stays for a roll-back.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      with_state                 = "ARCHIVED"
      days_since_noncurrent_time = var.source_retention_days
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key[*]
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [time_sleep.apis, time_sleep.kms]
}

# A new name for new content: a function is not redeployed for a new version of the same object.
resource "google_storage_bucket_object" "package" {
  for_each = local.stages

  bucket = google_storage_bucket.source.name
  name   = "${each.key}-${substr(local.content_hash[each.key], 0, 16)}.zip"
  source = data.archive_file.package[each.key].output_path

  lifecycle {
    create_before_destroy = true # the running function names the old one until it is redeployed

    # The contents have no say: another zip library may compress the same files to other bytes.
    ignore_changes = [detect_md5hash, source_md5hash]
  }
}
